// Waiting for kernel state in tests: a bounded poll, for state that nothing announces.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace stronghost::lab {

// Calls `condition` until it holds: at first every 0.1 ms, later every 5 ms. DeadlineExceeded,
// which names `what`, when `deadline` has passed and one last call still said no.
absl::Status Await(absl::Duration deadline, const std::function<bool()>& condition,
                   absl::string_view what = "condition");

// CLOCK_MONOTONIC in nanoseconds: one clock for all namespaces of the machine.
int64_t MonotonicNow();

// Gives the calling thread precedence over ordinary ones (nice -20), as far as allowed: for threads
// that measure, whose own waiting for a CPU would look like the network's.
void PreferThisThread();

}  // namespace stronghost::lab
