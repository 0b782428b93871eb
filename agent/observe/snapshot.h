// Everything about the machine that decisions need, read from the kernel in one go.
#pragma once

#include "absl/status/statusor.h"
#include "agent/decide/facts.h"
#include "agent/netlink/socket.h"
#include "agent/observe/driver_names.h"

namespace stronghost {

// Dumps links, addresses, routes of the watched tables (facts_events.h) and rules, both families. A
// kernel without IPv6, or without policy rules, has none of them: that is no error. The dumps are
// not one atomic view; NetlinkMonitor::Snapshot() sees to it that they agree.
// Facts::multicast is left empty; netlink does not tell memberships. Needs no privilege.
absl::StatusOr<Facts> ReadFacts(NetlinkSocket& socket, DriverNames& drivers);

}  // namespace stronghost
