#include "tests/lib/kernel_stamp.h"

#include <sys/socket.h>
#include <time.h>

#include <cstring>

#include "tests/lib/await.h"
#include "tests/lib/sockaddr.h"

namespace stronghost::lab {
namespace {

int64_t Nanoseconds(const timespec& time) {
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

absl::Status EnableStamps(const UniqueFd& fd) {
  return SetOption(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
}

int64_t RealtimeNow() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return Nanoseconds(now);
}

int64_t RealtimeOffset() {
  // The tighter of a few readings: the thread may lose its CPU between two clocks.
  int64_t best_width = INT64_MAX;
  int64_t offset = 0;
  for (int i = 0; i < 3; ++i) {
    const int64_t before = MonotonicNow();
    const int64_t real = RealtimeNow();
    const int64_t after = MonotonicNow();
    if (after - before < best_width) {
      best_width = after - before;
      offset = real - (before + (after - before) / 2);
    }
  }
  return offset;
}

int64_t StampOf(const msghdr& message) {
  auto* mutable_message = const_cast<msghdr*>(&message);
  for (cmsghdr* control = CMSG_FIRSTHDR(mutable_message); control != nullptr;
       control = CMSG_NXTHDR(mutable_message, control)) {
    if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMPNS) {
      timespec stamp{};
      std::memcpy(&stamp, CMSG_DATA(control), sizeof(stamp));
      return Nanoseconds(stamp);
    }
  }
  return RealtimeNow();
}

}  // namespace stronghost::lab
