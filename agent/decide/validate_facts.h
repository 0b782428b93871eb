// Checks of a configuration against the machine as it is. Pure; those that need no machine are
// in config/validate.h.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/config/config.h"
#include "agent/decide/facts.h"

namespace stronghost {

// kRefused: the configuration must not be put into force. kWarning: it is, and works less well.
// kInfo: worth saying, nothing is wrong.
enum class FactSeverity { kInfo, kWarning, kRefused };

absl::string_view NameOf(FactSeverity severity);  // "info", "warning", "refused"

// One finding. `path` names the setting in the way of SourceMap ("group[0].nics[1]"), so that
// SourceMap::Problem(path, message) gives its place in the file.
struct FactProblem {
  FactSeverity severity = FactSeverity::kInfo;
  std::string path;
  std::string message;  // what is wrong on what, and the mend

  bool operator==(const FactProblem&) const = default;
};

// All findings, group by group: members, then addresses, then gateways.
//
//   refused  a member is a port of a bridge, bond or the like
//   refused  a member is no Ethernet interface (no six-byte MAC: loopback, tun, WireGuard, ...)
//   refused  a gateway is an address of a member of its group
//   refused  an explicit address lies in no known subnet of its group, or a gateway in none
//   warning  the same, where the subnets cannot all be known: a member is missing, or no subnet
//            of the family is there at all (yet)
//   warning  a member is in a VRF; members of a group differ in MTU; two members have one MAC
//   info     a member is missing: it may come later
//
// Known subnets of a group, for each family:
//   - those of the addresses found on its members, and of on-link routes of table main through
//     them (DHCPv6 gives addresses of length 128, and the subnet comes as a route);
//   - that of an explicit address with a prefix length, if another address or a gateway of the
//     group lies in it, or if the group has no other address of the family (link-local ones do
//     not count). A lone address with a prefix length that matches nothing is rather a typing
//     error than a network.
// An explicit address that is found on a member is always right, and so is everything link-local.
std::vector<FactProblem> ValidateFacts(const Config& config, const Facts& facts);

}  // namespace stronghost
