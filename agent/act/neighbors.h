// What one NIC knows of its neighbours, for another one; and what it is to ask.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "agent/decide/facts.h"
#include "agent/netlink/socket.h"

namespace stronghost {

// Gives the neighbours to the NIC `to`, as stale: packets leave at once, and the kernel confirms
// them (RFC 4861 section 7.3.3). What it knows itself stays.
absl::Status CarryNeighbors(NetlinkSocket& socket, std::vector<NeighborFact> neighbors, IfIndex to);

// Makes the kernel resolve a neighbour of the NIC as if a packet waited for it (NTF_USE): what
// comes of it is told by RTM_NEWNEIGH.
absl::Status ResolveNeighbor(NetlinkSocket& socket, IfIndex link, const IpAddress& ip);

}  // namespace stronghost
