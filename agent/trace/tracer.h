// Who traces packets, and what of it reaches the programs: one filter for all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/datapath/trace_filter.h"
#include "agent/serve/event_feed.h"
#include "agent/serve/trace_session.h"
#include "maps/trace.h"

namespace stronghost {

// The narrowest filter that lets through what either does.
TraceFilter Both(const TraceFilter& a, const TraceFilter& b);

// One record as an event "packet" of the NIC that it is on; keys in agent/serve/interface.cc.
Event EventOf(const sh_trace_record& record, const std::string& group, const std::string& nic);

// One thread. Sessions may end after Stop(), but not after the tracer.
class Tracer {
 public:
  // Puts a filter into the programs; nullopt: nobody traces.
  using Apply = std::function<void(const std::optional<TraceFilter>&)>;

  explicit Tracer(Apply apply) : apply_(std::move(apply)) {}
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;
  ~Tracer() = default;

  // Packets that `filter` lets through, from now on and as long as the session lives. It holds the
  // last 4,096 that were not taken.
  std::unique_ptr<TraceSession> Start(const TraceFilter& filter);

  [[nodiscard]] bool active() const { return !sessions_.empty(); }

  // A record that the programs made, on a NIC of this group ("": of none).
  void OnPacket(const sh_trace_record& record, const std::string& group, const std::string& nic);
  // How many they left out since they were loaded: whoever traces hears of each once.
  void OnMissed(uint32_t total);

  // The programs are not to be spoken to any more.
  void Stop() { apply_ = nullptr; }

 private:
  class Session;
  void Update();

  Apply apply_;
  std::vector<Session*> sessions_;
  uint32_t missed_ = 0;
};

}  // namespace stronghost
