// Which hosts stand for the segment of a group, and which of its gateways are worth using. Pure.
#pragma once

#include <vector>

#include "absl/container/btree_map.h"
#include "absl/types/span.h"
#include "agent/config/config.h"
#include "agent/decide/facts.h"
#include "agent/decide/gateway_health.h"
#include "agent/decide/members.h"

namespace stronghost {

// The gateways of a group, the preferred one first: those of the file (of the group, then of single
// addresses), then next hops of default routes through its members.
std::vector<IpAddress> GatewaysOf(const GroupConfig& group, const std::vector<Member>& members,
                                  absl::Span<const RouteFact> routes);

// Those that come last in the tables of a home whose wire hears the gateways so: the dead ones, and
// those that are back but not for long enough; none where no other of the family would be better.
std::vector<IpAddress> WorseGateways(const absl::btree_map<IpAddress, GatewayState>& gateways);

}  // namespace stronghost
