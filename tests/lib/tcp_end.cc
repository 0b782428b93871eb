#include "tests/lib/tcp_end.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "agent/base/status.h"
#include "tests/lib/await.h"

namespace stronghost::lab {
namespace {

// The byte at a place of the pattern; it doesn't repeat with any power of two up to 2^40.
uint8_t PatternAt(uint64_t place) {
  return static_cast<uint8_t>((place * 0x9e3779b97f4a7c15ULL) >> 40);
}

}  // namespace

TcpEnd::TcpEnd(UniqueFd fd, const Options& options)
    : fd_(std::move(fd)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      options_(options),
      start_ns_(MonotonicNow()),
      last_arrival_ns_(start_ns_),
      buffer_(std::max<size_t>(options.chunk, 65536)),
      thread_([this] { Loop(); }) {}

TcpEnd::~TcpEnd() {
  Join(0);
}

void TcpEnd::StopWriting() {
  stop_writing_ = true;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = write(wake_.get(), &one, sizeof(one));
}

void TcpEnd::Join(int64_t deadline_ns) {
  if (!thread_.joinable()) {
    return;
  }
  deadline_ns_ = deadline_ns;
  StopWriting();
  thread_.join();
}

bool TcpEnd::Done() const {
  return !error_.empty() || (said_end_ && saw_end_) || MonotonicNow() >= deadline_ns_.load();
}

// How many bytes may have been written by now.
uint64_t TcpEnd::AllowedNow() const {
  if (!options_.sends || stop_writing_.load()) {
    return sent_;
  }
  const int64_t interval = absl::ToInt64Nanoseconds(options_.interval);
  if (interval <= 0) {
    return sent_ + options_.chunk;
  }
  const int64_t turns = (MonotonicNow() - start_ns_) / interval + 1;
  return static_cast<uint64_t>(turns) * options_.chunk;
}

void TcpEnd::Loop() {
  PreferThisThread();
  while (!Done()) {
    const bool may_write = AllowedNow() > sent_;
    std::array<pollfd, 2> watched = {{{.fd = fd_.get(), .events = 0, .revents = 0},
                                      {.fd = wake_.get(), .events = POLLIN, .revents = 0}}};
    watched[0].events = static_cast<int16_t>((saw_end_ ? 0 : POLLIN) | (may_write ? POLLOUT : 0));
    // Pacing and the deadline bound the sleep; the deadline comes with a wake-up.
    int64_t sleep_ns = std::min<int64_t>(deadline_ns_.load() - MonotonicNow(), 1'000'000'000);
    if (options_.sends && !may_write && !stop_writing_.load()) {
      sleep_ns = std::min(sleep_ns, absl::ToInt64Nanoseconds(options_.interval));
    }
    sleep_ns = std::max<int64_t>(sleep_ns, 0);
    const timespec timeout{.tv_sec = sleep_ns / 1'000'000'000, .tv_nsec = sleep_ns % 1'000'000'000};
    ppoll(watched.data(), watched.size(), &timeout, nullptr);
    if (uint64_t count = 0; watched[1].revents != 0) {
      [[maybe_unused]] const ssize_t ignored = read(wake_.get(), &count, sizeof(count));
    }
    if ((watched[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      Read();
    }
    if ((watched[0].revents & POLLOUT) != 0) {
      Write();
    }
    if (stop_writing_.load() && !said_end_) {
      said_end_ = true;
      shutdown(fd_.get(), SHUT_WR);
    }
  }
  if (!saw_end_) {
    NoteArrival(MonotonicNow());
  }
}

void TcpEnd::Write() {
  const uint64_t allowed = AllowedNow();
  const size_t size = std::min<size_t>(buffer_.size(), allowed - sent_);
  for (size_t i = 0; i < size; ++i) {
    buffer_[i] = PatternAt(sent_ + i);
  }
  const ssize_t count = send(fd_.get(), buffer_.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count > 0) {
    sent_ += static_cast<uint64_t>(count);
  } else if (count < 0 && errno != EAGAIN) {
    Fail("send", errno);
  }
}

void TcpEnd::Read() {
  const ssize_t count = recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (count < 0) {
    if (errno != EAGAIN) {
      Fail("receive", errno);
    }
    return;
  }
  NoteArrival(MonotonicNow());
  if (count == 0) {
    saw_end_ = true;
    return;
  }
  uint64_t place = received_.load();
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    corrupt_ = corrupt_ || buffer_[i] != PatternAt(place++);
  }
  received_ = place;
}

void TcpEnd::NoteArrival(int64_t now) {
  if (now - last_arrival_ns_ > longest_stall_ns_) {
    longest_stall_ns_ = now - last_arrival_ns_;
    longest_stall_begin_ns_ = last_arrival_ns_;
  }
  last_arrival_ns_ = now;
}

void TcpEnd::Fail(const char* what, int error_number) {
  if (error_.empty()) {
    error_ = Message(ErrnoError(error_number, what));
  }
}

}  // namespace stronghost::lab
