// Asks the kernel which way a packet would go.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "agent/netlink/socket.h"

namespace stronghost {

struct RouteAnswer {
  IfIndex link = IfIndex::kNone;
  std::optional<IpAddress> gateway;
  std::optional<IpAddress> source;  // what the stack would use, if none was asked for
  uint32_t table = 0;               // 0 where the kernel does not say
  bool local = false;               // the destination is one of this host's own addresses
};

// `source` may be absent (the stack chooses); a source that this host does not own is an error of
// the kernel's for IPv4. `out` binds the look-up to an interface, as SO_BINDTODEVICE does.
// Unavailable: no route ("Network is unreachable"). Needs no privilege.
absl::StatusOr<RouteAnswer> LookUpRoute(NetlinkSocket& socket,
                                        const std::optional<IpAddress>& source,
                                        const IpAddress& destination, IfIndex out = IfIndex::kNone);

// The same for a packet of another host that comes in by `in`, to be forwarded. An error as well
// where the kernel would not forward it.
absl::StatusOr<RouteAnswer> LookUpForwarding(NetlinkSocket& socket, const IpAddress& source,
                                             const IpAddress& destination, IfIndex in);

}  // namespace stronghost
