#include "demo/interrupt.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "agent/base/status.h"
#include "tests/lib/await.h"

namespace stronghost::demo {

absl::StatusOr<Interrupt> Interrupt::Catch() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP}) {
    sigaddset(&signals, signal_number);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) {
    return ErrnoError(errno, "signalfd");
  }
  return Interrupt(std::move(fd));
}

absl::Status Interrupt::Pause(absl::Duration time) const {
  return PauseUntil(lab::MonotonicNow() + absl::ToInt64Nanoseconds(time));
}

absl::Status Interrupt::PauseUntil(int64_t moment_ns) const {
  // The signal is left unread: whoever pauses next is told as well.
  pollfd watched{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  int count = 0;
  do {
    const int64_t left = std::max<int64_t>(0, moment_ns - lab::MonotonicNow());
    const timespec timeout{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    count = ppoll(&watched, 1, &timeout, nullptr);
  } while (count < 0 && errno == EINTR);
  return count > 0 ? absl::CancelledError("interrupted") : absl::OkStatus();
}

void Interrupt::AwaitEnter() const {
  std::array<pollfd, 2> watched = {{{.fd = fd_.get(), .events = POLLIN, .revents = 0},
                                    {.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}}};
  while (poll(watched.data(), watched.size(), -1) < 0 && errno == EINTR) {
  }
}

}  // namespace stronghost::demo
