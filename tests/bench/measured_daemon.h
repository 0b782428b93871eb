// stronghostd, watched from its start on.
#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/lib/agent.h"
#include "tests/lib/netns.h"
#include "tests/lib/process.h"

namespace stronghost::bench {

class MeasuredDaemon {
 public:
  // Starts the daemon in `netns` with the configuration of `agent`, which has not started one, and
  // waits for READY=1 (sd_notify(3)): programs are attached, maps and kernel as they should be.
  static absl::StatusOr<MeasuredDaemon> Start(const lab::NetNs& netns, const lab::Agent& agent);

  // From fork to READY=1, in ms, and the daemon's CPU time until then.
  [[nodiscard]] double ready_ms() const { return ready_ms_; }
  [[nodiscard]] double ready_cpu_ms() const { return ready_cpu_ms_; }

  // CPU time so far, ns.
  [[nodiscard]] double CpuNs() const;
  // A line of /proc/PID/smaps_rollup ("Rss", "Pss") in MiB.
  [[nodiscard]] absl::StatusOr<double> MemoryMiB(const std::string& line) const;

  // Ends it; what it put into the kernel stays.
  absl::Status Stop() { return process_.Stop().status(); }
  // Waits until it has ended by itself.
  absl::Status AwaitEnd() { return process_.Wait(absl::Seconds(60)).status(); }
  [[nodiscard]] std::string Log() const { return process_.Output(); }

 private:
  explicit MeasuredDaemon(lab::Process process) : process_(std::move(process)) {}

  lab::Process process_;
  double ready_ms_ = 0;
  double ready_cpu_ms_ = 0;
};

}  // namespace stronghost::bench
