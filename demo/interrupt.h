// Ctrl-C and its like as a status, so that everything is put away on every way out.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/base/unique_fd.h"

namespace stronghost::demo {

// Holds back SIGINT, SIGTERM and SIGHUP from Catch() on, for ever. Catch() comes before the first
// thread. Move-only.
class Interrupt {
 public:
  static absl::StatusOr<Interrupt> Catch();

  // Waits. Cancelled as soon as a signal comes.
  absl::Status Pause(absl::Duration time) const;
  // Waits until this moment of CLOCK_MONOTONIC.
  absl::Status PauseUntil(int64_t moment_ns) const;
  // Waits for a line, or the end, of stdin, or for a signal.
  void AwaitEnter() const;

 private:
  explicit Interrupt(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;  // signalfd
};

}  // namespace stronghost::demo
