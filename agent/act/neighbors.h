// What one NIC knows of its neighbours, for another one.
#pragma once

#include "absl/status/status.h"
#include "agent/base/net_types.h"
#include "agent/netlink/socket.h"

namespace stronghost {

// Copies the resolved neighbours of `from` to `to`, as stale: packets leave at once, and the kernel
// confirms them (RFC 4861 section 7.3.3). What `to` knows itself stays.
absl::Status CarryNeighbors(NetlinkSocket& socket, IfIndex from, IfIndex to);

}  // namespace stronghost
