#include "demo/silence_watch.h"

#include <algorithm>
#include <chrono>

#include "tests/lib/await.h"

namespace stronghost::demo {
namespace {

constexpr auto kLook = std::chrono::milliseconds(5);
constexpr int64_t kSilence = 100'000'000;  // ns

}  // namespace

SilenceWatch::SilenceWatch(const lab::TcpSession& session, int64_t start_ns)
    : session_(session),
      start_ns_(start_ns),
      last_arrival_ns_(lab::MonotonicNow()),
      thread_([this] { Loop(); }) {}

SilenceWatch::~SilenceWatch() {
  Stop();
}

std::vector<Gap> SilenceWatch::Stop() {
  if (thread_.joinable()) {
    stop_ = true;
    thread_.join();
  }
  return silences_;
}

void SilenceWatch::Loop() {
  const int64_t begin = lab::MonotonicNow();
  uint64_t bytes[2] = {};
  int64_t last[2] = {begin, begin};
  while (true) {
    const bool ends = stop_.load();
    const uint64_t seen[2] = {session_.ReceivedByServer(), session_.ReceivedByClient()};
    const int64_t now = lab::MonotonicNow();
    // Both directions are silent together when the cable is out: that is one silence.
    const int64_t before = std::min(last[0], last[1]);
    for (int way = 0; way < 2; ++way) {
      if (seen[way] != bytes[way]) {
        bytes[way] = seen[way];
        last[way] = now;
      }
    }
    const int64_t after = ends ? now : std::min(last[0], last[1]);
    if (after - before > kSilence) {
      silences_.push_back({.begin = static_cast<double>(before - start_ns_) / 1e9,
                           .end = static_cast<double>(after - start_ns_) / 1e9});
    }
    last_arrival_ns_ = std::min(last[0], last[1]);
    if (ends) {
      return;
    }
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace stronghost::demo
