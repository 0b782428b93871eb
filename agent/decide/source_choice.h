// Which source an unbound socket gets, by destination, where a group asks for a choice
// ([group.source]). Pure.
//
// Who can be chosen: addresses of the group that stand on a home with a working wire; never
// link-local ones. Of those, while there are any: not deprecated (RFC 6724 rule 3); named by
// `prefer`; not named by `avoid`; temporary (rule 7); IPv6 unique local ones for fc00::/7 only
// (rule 6). What is left shares the flows by weight.
//
//   destination                                         | who is left to choose from
//   ----------------------------------------------------+--------------------------------------
//   subnet of a group's addresses                       | the addresses in it (RFC 1122 3.3.4.3 a)
//   route of table main through a group, with a gateway | the addresses in the gateway's subnet;
//                                                       | if there are none, all of the group
//   such a route, and the group has no working wire     | as if the route were not there
//   all else: other routes, groups without a choice,    | routing's choice
//   multicast, broadcast, loopback, link-local          |
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "agent/decide/members.h"

namespace stronghost {

// kSourceSlots addresses; the hash of a flow picks one.
using SourceSlots = std::vector<IpAddress>;
constexpr int kSourceSlots = 256;

struct SourceState {
  // Destination (network) -> its slots; empty: routing's choice.
  absl::btree_map<IpPrefix, SourceSlots> routes;

  bool operator==(const SourceState&) const = default;
};

// Empty when no group asks for a choice.
SourceState ChooseSources(const Config& config, const Facts& facts,
                          const std::vector<Member>& members, const DatapathState& datapath,
                          std::vector<std::string>& problems);

// Slots shared by weight. Consistent: when an address goes, only its own slots change hands. The
// order of `weights` does not matter; all are above 0.
SourceSlots FillSlots(const std::vector<std::pair<IpAddress, int>>& weights);

}  // namespace stronghost
