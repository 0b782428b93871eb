#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/base/net_types.h"
#include "agent/serve/event_feed.h"

namespace stronghost {

// Which packets somebody wants to see.
struct TraceOrder {
  std::optional<IpAddress> address;   // source, destination, or asked for by ARP or ND
  std::string nic;                    // that the packet is on; "": any
  std::vector<std::string> verdicts;  // names; none: all
};

// Packets as events, as long as it lives: while nobody has a session, tracing costs nothing.
class TraceSession {
 public:
  TraceSession() = default;
  TraceSession(const TraceSession&) = delete;
  TraceSession& operator=(const TraceSession&) = delete;
  virtual ~TraceSession() = default;

  // The oldest that was not taken; nullopt: none yet. What was left out, because there was too much
  // of it or it was not taken in time, is one event "missed".
  virtual std::optional<Event> Take() = 0;
};

}  // namespace stronghost
