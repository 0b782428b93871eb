// What the engine tells, as events for watchers; their `detail` is the line of the log.
#pragma once

#include "agent/daemon/engine.h"
#include "agent/serve/event_feed.h"

namespace stronghost {

// "failback" where a home is back on its own NIC, else "failover".
Event EventOf(const WireChange& change);
Event EventOf(const AddressesMoved& moved);
Event EventOf(const NicChange& change);
Event EventOf(const PathChange& change);

}  // namespace stronghost
