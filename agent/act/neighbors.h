// What one NIC knows of its neighbours, for another one.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "agent/decide/facts.h"
#include "agent/netlink/socket.h"

namespace stronghost {

// Gives the neighbours to the NIC `to`, as stale: packets leave at once, and the kernel confirms
// them (RFC 4861 section 7.3.3). What it knows itself stays.
absl::Status CarryNeighbors(NetlinkSocket& socket, std::vector<NeighborFact> neighbors, IfIndex to);

}  // namespace stronghost
