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

}  // namespace stronghost::lab
