#include "tests/lib/await.h"

#include <sys/resource.h>
#include <time.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/lib/patience.h"

namespace stronghost::lab {

absl::Status Await(absl::Duration deadline, const std::function<bool()>& condition,
                   absl::string_view what) {
  const int64_t end = MonotonicNow() + absl::ToInt64Nanoseconds(Patient(deadline));
  absl::Duration pause = absl::Microseconds(100);
  while (true) {
    const bool last = MonotonicNow() >= end;
    if (condition()) {
      return absl::OkStatus();
    }
    if (last) {
      return absl::DeadlineExceededError(
          absl::StrCat("waited ", absl::FormatDuration(deadline), " in vain for: ", what));
    }
    absl::SleepFor(pause);
    pause = std::min(pause * 3 / 2, absl::Milliseconds(5));
  }
}

int64_t MonotonicNow() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// On Linux PRIO_PROCESS with 0 means the calling thread only.
void PreferThisThread() {
  setpriority(PRIO_PROCESS, 0, -20);
}

}  // namespace stronghost::lab
