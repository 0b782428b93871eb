#include "agent/daemon/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost {
namespace {

void Call(void* userdata) {
  (*static_cast<std::function<void()>*>(userdata))();
}

int OnIo(sd_event_source* /*source*/, int /*fd*/, uint32_t /*events*/, void* userdata) {
  Call(userdata);
  return 0;
}

int OnSignalEvent(sd_event_source* /*source*/, const signalfd_siginfo* /*info*/, void* userdata) {
  Call(userdata);
  return 0;
}

int OnTime(sd_event_source* /*source*/, uint64_t /*usec*/, void* userdata) {
  Call(userdata);
  return 0;
}

}  // namespace

void EventLoop::Timer::Set(absl::Time when) {
  if (when == absl::InfiniteFuture()) {
    sd_event_source_set_enabled(source_, SD_EVENT_OFF);
    return;
  }
  // 0 would mean "never" to the timerfd below.
  const int64_t usec = std::max<int64_t>(1, absl::ToUnixMicros(when));
  sd_event_source_set_time(source_, static_cast<uint64_t>(usec));
  sd_event_source_set_enabled(source_, SD_EVENT_ONESHOT);
}

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  std::unique_ptr<EventLoop> loop(new EventLoop());
  if (const int r = sd_event_new(&loop->event_); r < 0) {
    return ErrnoError(r, "create the event loop");
  }
  return loop;
}

EventLoop::~EventLoop() {
  sd_event_unref(event_);
}

std::function<void()>* EventLoop::Keep(std::function<void()> callback) {
  callbacks_.push_back(std::make_unique<std::function<void()>>(std::move(callback)));
  return callbacks_.back().get();
}

absl::Status EventLoop::OnReadable(int fd, std::function<void()> callback) {
  const int r = sd_event_add_io(event_, nullptr, fd, EPOLLIN, OnIo, Keep(std::move(callback)));
  return r < 0 ? ErrnoError(r, absl::StrCat("watch descriptor ", fd)) : absl::OkStatus();
}

absl::Status EventLoop::OnSignal(int signal, std::function<void()> callback) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  const int r =
      sd_event_add_signal(event_, nullptr, signal, OnSignalEvent, Keep(std::move(callback)));
  return r < 0 ? ErrnoError(r, absl::StrCat("watch signal ", signal)) : absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<EventLoop::Timer>> EventLoop::AddTimer(
    std::function<void()> callback) {
  auto timer = std::make_unique<Timer>();
  timer->callback_ = std::move(callback);
  // Accuracy 1: the default of 250 ms would collect wake-ups, and the carrier poll needs 2 ms.
  const int r =
      sd_event_add_time(event_, &timer->source_, CLOCK_MONOTONIC, 0, 1, OnTime, &timer->callback_);
  if (r < 0) {
    return ErrnoError(r, "add a timer");
  }
  sd_event_source_set_enabled(timer->source_, SD_EVENT_OFF);
  sd_event_source_set_floating(timer->source_, 1);
  sd_event_source_unref(timer->source_);
  return timer;
}

absl::StatusOr<int> EventLoop::Run() {
  const int r = sd_event_loop(event_);
  if (r < 0) {
    return ErrnoError(r, "run the event loop");
  }
  return r;
}

}  // namespace stronghost
