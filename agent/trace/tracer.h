// Who traces packets, and what of it reaches the programs: one filter for all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/datapath/trace_filter.h"
#include "agent/serve/event_feed.h"
#include "agent/serve/trace_session.h"
#include "maps/trace.h"

namespace stronghost {

// The narrowest filter that lets through what either does.
TraceFilter Both(const TraceFilter& a, const TraceFilter& b);

// One record as an event "packet" of the NIC that it is on; keys in agent/serve/interface.cc.
Event EventOf(const sh_trace_record& record, const std::string& group, const std::string& nic);

// What one session shows.
struct Wanted {
  IpAddress address;        // source, destination, or asked for; "::": any
  std::string nic;          // that the packet is on; "": any
  uint32_t verdicts = ~0U;  // 1 << enum sh_verdict
};

// One thread. Sessions may end after Stop(), but not after the tracer.
class Tracer {
 public:
  // Puts a filter into the programs; nullopt: nobody traces.
  using Apply = std::function<void(const std::optional<TraceFilter>&)>;
  // The home that a NIC is now; kNone: it is missing.
  using HomeOf = std::function<HomeIndex(const std::string& nic)>;

  Tracer(Apply apply, HomeOf home_of) : apply_(std::move(apply)), home_of_(std::move(home_of)) {}
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;
  ~Tracer() = default;

  // From now on, as long as the session lives. It holds the last 4,096 packets that were not taken.
  // FAILED_PRECONDITION: there are eight sessions.
  absl::StatusOr<std::unique_ptr<TraceSession>> Start(Wanted wanted);

  // NICs may be other homes than before.
  void Refresh();

  [[nodiscard]] bool active() const { return !sessions_.empty(); }

  // A record that the programs made, on a NIC of this group ("": of none).
  void OnPacket(const sh_trace_record& record, const std::string& group, const std::string& nic);
  // How many they left out since they were loaded: whoever traces hears of each once. True: of
  // some.
  bool OnMissed(uint32_t total);

  // Nobody traces any more, and the programs are not spoken to again.
  void Stop();

 private:
  class Session;

  Apply apply_;
  HomeOf home_of_;
  std::optional<TraceFilter> applied_;
  std::vector<Session*> sessions_;
  uint32_t missed_ = 0;
};

}  // namespace stronghost
