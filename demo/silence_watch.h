// Looks how a TCP session gets on: the stretches of time in which nothing arrived.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "demo/track.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::demo {

// Watches from construction to Stop() on a thread of its own. The session outlives it.
class SilenceWatch {
 public:
  // `start_ns`: the picture's begin, CLOCK_MONOTONIC.
  SilenceWatch(const lab::TcpSession& session, int64_t start_ns);
  SilenceWatch(const SilenceWatch&) = delete;
  SilenceWatch& operator=(const SilenceWatch&) = delete;
  ~SilenceWatch();

  // When the last byte arrived, in the direction that is behind; CLOCK_MONOTONIC.
  [[nodiscard]] int64_t LastArrival() const { return last_arrival_ns_.load(); }

  // Ends the watch. Silences in either direction that were longer than 100 ms.
  std::vector<Gap> Stop();

 private:
  void Loop();

  const lab::TcpSession& session_;
  const int64_t start_ns_;
  std::atomic<int64_t> last_arrival_ns_;
  std::atomic<bool> stop_{false};
  std::vector<Gap> silences_;  // the thread's until it ends
  std::thread thread_;
};

}  // namespace stronghost::demo
