#pragma once

#include "absl/time/time.h"

namespace stronghost {

// CLOCK_MONOTONIC as absl::Time since the epoch: the clock of every decision and deadline, never
// set back. Also what sd_event and BPF's bpf_ktime_get_ns() use.
absl::Time MonotonicNow();

// The wall-clock time of a monotonic one, for people. Infinite times stay what they are.
absl::Time ToWallTime(absl::Time monotonic);

}  // namespace stronghost
