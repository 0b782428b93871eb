// Arrival times from the kernel. SO_TIMESTAMPNS stamps in CLOCK_REALTIME when the packet reaches
// the stack, so they don't depend on when the test's thread gets a CPU.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "absl/status/status.h"
#include "agent/base/unique_fd.h"

namespace stronghost::lab {

// Asks for stamps.
absl::Status EnableStamps(const UniqueFd& fd);

// CLOCK_REALTIME now, nanoseconds.
int64_t RealtimeNow();

// CLOCK_REALTIME minus CLOCK_MONOTONIC, nanoseconds: stamp - offset is monotonic.
int64_t RealtimeOffset();

// The stamp in a received message (CLOCK_REALTIME, nanoseconds), or the present time if it has
// none.
int64_t StampOf(const msghdr& message);

}  // namespace stronghost::lab
