// Which interfaces of the host a group may have, and why not the others. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "agent/decide/facts.h"

namespace stronghost {

// What a suggestion is made from, besides who heard whom.
struct HostFacts {
  Facts facts;
  std::set<IfIndex> wireless;
  std::vector<std::string> managers;  // that run here: "systemd-networkd", "NetworkManager", ...
  bool agent_runs = false;
  absl::Time now;  // CLOCK_MONOTONIC, as the lifetimes of addresses
};

struct LeftOut {
  IfIndex link = IfIndex::kNone;
  std::string nic;
  std::string reason;  // with the mend, where there is one: "has no carrier; plug its cable ..."

  bool operator==(const LeftOut&) const = default;
};

struct Candidates {
  std::vector<IfIndex> nics;  // in the order of their indexes
  std::vector<LeftOut> left_out;
};

// A candidate is an Ethernet interface that leads to a segment by itself: hardware, a paravirtual
// NIC, a veth, a bond or team, or a bridge with such a NIC among its ports or a default route
// through it; up, with carrier, and no port of something else (a VRF apart). Everything else is
// left out with the first reason that holds.
Candidates FindCandidates(const HostFacts& host);

// A bridge without a NIC: containers or guests are behind it.
bool IsContainerBridge(const LinkFact& link, const Facts& facts);

// Name of a link; "interface 9" for one that is not there.
std::string NameOfLink(const Facts& facts, IfIndex link);

}  // namespace stronghost
