#include "agent/base/clock.h"

#include <ctime>

#include "absl/time/clock.h"

namespace stronghost {

absl::Time MonotonicNow() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::TimeFromTimespec(now);
}

absl::Time ToWallTime(absl::Time monotonic) {
  if (monotonic == absl::InfinitePast() || monotonic == absl::InfiniteFuture()) {
    return monotonic;
  }
  return absl::Now() + (monotonic - MonotonicNow());
}

}  // namespace stronghost
