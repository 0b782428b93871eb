// sd-event (sd-event(3)) as values with owners: everything runs on one thread, in one loop.
#pragma once

#include <systemd/sd-event.h>

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace stronghost {

class EventLoop {
 public:
  // A timer of CLOCK_MONOTONIC. Owned by the caller; must not outlive the loop.
  class Timer {
   public:
    // Fires once at `when` (see MonotonicNow()); a time in the past fires at the next turn,
    // InfiniteFuture never.
    void Set(absl::Time when);

   private:
    friend class EventLoop;
    std::function<void()> callback_;
    sd_event_source* source_ = nullptr;
  };

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // For libraries that speak sd-event. Borrowed.
  [[nodiscard]] sd_event* get() const { return event_; }

  // Calls back whenever `fd` is readable. The fd stays the caller's and must stay open.
  absl::Status OnReadable(int fd, std::function<void()> callback);
  // Blocks the signal for the whole process and delivers it here.
  absl::Status OnSignal(int signal, std::function<void()> callback);
  absl::StatusOr<std::unique_ptr<Timer>> AddTimer(std::function<void()> callback);

  // Until Exit(); returns its code.
  absl::StatusOr<int> Run();
  void Exit(int code) { sd_event_exit(event_, code); }

 private:
  EventLoop() = default;
  std::function<void()>* Keep(std::function<void()> callback);

  sd_event* event_ = nullptr;
  std::vector<std::unique_ptr<std::function<void()>>> callbacks_;
};

}  // namespace stronghost
