#include "demo/scene_cable.h"

#include <memory>
#include <optional>

#include "absl/strings/str_format.h"
#include "agent/base/status.h"
#include "demo/cable_load.h"
#include "tests/lib/capture.h"

namespace stronghost::demo {
namespace {

constexpr int kNic = 0;
// Nanoseconds since the begin.
constexpr int64_t kPull = 1'000'000'000;
constexpr int64_t kMeanwhile = 4'000'000'000;
constexpr int64_t kPlug = 7'000'000'000;
constexpr int64_t kEnd = 11'000'000'000;
constexpr absl::Duration kMovingWindow = absl::Seconds(1);

double Seconds(int64_t from_ns, int64_t to_ns) {
  return static_cast<double>(to_ns - from_ns) / 1e9;
}

// What the server sends by the NIC, seen on the switch's port.
absl::StatusOr<std::unique_ptr<lab::Capture>> WatchPort(Stage& stage) {
  return lab::Capture::Start(
      stage.lab().switch_netns(), lab::LabPlan::Port(kNic),
      {.direction = lab::CaptureOptions::Direction::kIncoming,
       .snap_length = 96,
       .filter = [](const lab::CapturedFrame& frame) { return frame.Parse().ports.has_value(); }});
}

// The first packet of the load that left by the NIC after `plugged_ns`.
std::optional<int64_t> FirstFrameAfter(lab::Capture& port, int64_t plugged_ns) {
  for (const lab::CapturedFrame& frame : port.Frames()) {
    if (frame.monotonic_ns > plugged_ns) {
      return frame.monotonic_ns;
    }
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<CableScore> PullTheCable(Stage& stage, const Interrupt& interrupt,
                                        const std::function<void(const std::string&)>& say,
                                        const std::function<absl::Status()>& meanwhile) {
  ASSIGN_OR_RETURN(CableLoad load, CableLoad::Start(stage));
  ASSIGN_OR_RETURN(const std::unique_ptr<lab::Capture> port, WatchPort(stage));
  const int64_t start = load.start_ns();
  const auto tell = [&](int64_t moment_ns, const char* what) {
    say(absl::StrFormat("%5.2f s  %s", Seconds(start, moment_ns), what));
  };

  RETURN_IF_ERROR(interrupt.PauseUntil(start + kPull));
  ASSIGN_OR_RETURN(const lab::CableEvent pulled, stage.lab().PullCable(kNic));
  tell(pulled.begin_ns, "the cable of eth0 is pulled");
  RETURN_IF_ERROR(interrupt.PauseUntil(start + kMeanwhile));
  RETURN_IF_ERROR(meanwhile());
  RETURN_IF_ERROR(interrupt.PauseUntil(start + kPlug));
  const int moving = load.MovingSessions(kMovingWindow);
  ASSIGN_OR_RETURN(const lab::CableEvent plugged, stage.lab().PlugCable(kNic));
  tell(plugged.begin_ns, "it is plugged in again");
  RETURN_IF_ERROR(interrupt.PauseUntil(start + kEnd));

  const std::optional<int64_t> home = FirstFrameAfter(*port, plugged.begin_ns);
  if (home.has_value()) {
    tell(*home, "packets leave by eth0 again");
  }
  CableScore score = load.Finish(plugged.end_ns);
  score.tcp.moving = moving;
  score.picture.moments = {.length = static_cast<double>(kEnd) / 1e9,
                           .pulled = Seconds(start, pulled.begin_ns),
                           .plugged = Seconds(start, plugged.begin_ns)};
  if (home.has_value()) {
    score.picture.moments.home = Seconds(start, *home);
  }
  return score;
}

}  // namespace stronghost::demo
