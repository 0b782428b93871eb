#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"
#include "tests/lib/sockaddr.h"
#include "tests/lib/stream.h"
#include "tests/lib/stream_packet.h"

namespace stronghost::lab {
namespace {

// A sleep ends some 10 to 50 us late; the rest is spent turning, which makes the rate exact.
constexpr int64_t kTail = 30'000;

void WaitUntil(int64_t target_ns) {
  if (target_ns - MonotonicNow() > 2 * kTail) {
    const int64_t wake = target_ns - kTail;
    const timespec time{.tv_sec = wake / 1'000'000'000, .tv_nsec = wake % 1'000'000'000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
  }
  while (MonotonicNow() < target_ns) {
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<StreamSender>> StreamSender::Start(
    const NetNs& netns, const StreamSenderOptions& options) {
  if (options.rate <= 0 || options.payload_size < sizeof(StreamPacket)) {
    return absl::InvalidArgumentError(
        absl::StrCat("stream: rate ", options.rate, " must be above 0 and payload size ",
                     options.payload_size, " at least ", sizeof(StreamPacket)));
  }
  ASSIGN_OR_RETURN(UniqueFd fd, netns.Socket(options.destination.family(), SOCK_DGRAM));
  int scope = 0;
  if (!options.device.empty()) {
    ASSIGN_OR_RETURN(scope, netns.IfIndex(options.device));
    RETURN_IF_ERROR(BindToDevice(fd, options.device));
  }
  const bool has_source = options.source != IpAddress();
  if (has_source || options.source_port != 0) {
    RETURN_IF_ERROR(Bind(fd, has_source ? options.source : AnyAddress(options.destination.family()),
                         options.source_port, scope)
                        .status());
  }
  const SocketAddress to = ToSocketAddress(options.destination, options.port, scope);
  if (options.connect && connect(fd.get(), to.get(), to.length) != 0) {
    return ErrnoError(errno, absl::StrCat("connect to ", options.destination.ToString()));
  }
  return std::unique_ptr<StreamSender>(new StreamSender(std::move(fd), options, scope));
}

StreamSender::StreamSender(UniqueFd fd, StreamSenderOptions options, int scope)
    : fd_(std::move(fd)),
      options_(std::move(options)),
      scope_(scope),
      thread_([this] { Loop(); }) {}

StreamSender::~StreamSender() {
  Stop();
}

void StreamSender::Loop() {
  PreferThisThread();
  prctl(PR_SET_TIMERSLACK, 1);  // of this thread; the default adds up to 50 us to each sleep
  std::vector<uint8_t> payload(options_.payload_size);
  const double period_ns = 1e9 / options_.rate;
  const int64_t start = MonotonicNow();
  for (uint64_t i = 0; !stop_.load(std::memory_order_relaxed); ++i) {
    if (options_.max_packets != 0 && i >= options_.max_packets) {
      return;
    }
    WaitUntil(start + static_cast<int64_t>(static_cast<double>(i) * period_ns));
    SendOne(payload);
  }
}

void StreamSender::SendOne(std::vector<uint8_t>& payload) {
  const StreamPacket packet{.sequence = log_.sent_ns.size(), .sent_ns = MonotonicNow()};
  std::memcpy(payload.data(), &packet, sizeof(packet));
  const SocketAddress to = ToSocketAddress(options_.destination, options_.port, scope_);
  const ssize_t sent =
      sendto(fd_.get(), payload.data(), payload.size(), MSG_NOSIGNAL,
             options_.connect ? nullptr : to.get(), options_.connect ? 0 : to.length);
  if (sent < 0) {
    ++log_.errors;
    log_.last_error = errno;
  }
  log_.sent_ns.push_back(packet.sent_ns);
  count_.fetch_add(1);
}

absl::Status StreamSender::AwaitCount(uint64_t count, absl::Duration deadline) const {
  return Await(
      deadline, [&] { return count_.load() >= count; }, absl::StrCat(count, " packets to be sent"));
}

StreamSender::Log StreamSender::Stop() {
  stop_ = true;
  if (thread_.joinable()) {
    thread_.join();
  }
  return log_;
}

}  // namespace stronghost::lab
