// One end of a TcpSession: a connected socket, and a thread that writes and checks the pattern.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "agent/base/unique_fd.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::lab {

class TcpEnd {
 public:
  struct Options {
    bool sends = true;
    size_t chunk = 1024;
    absl::Duration interval;
  };

  // Takes over a connected socket; the thread starts at once.
  TcpEnd(UniqueFd fd, const Options& options);
  ~TcpEnd();

  // No more writing: the pattern's end is told to the other end (FIN).
  void StopWriting();
  // Ends the thread once the other end's FIN was read, or at `deadline_ns` (CLOCK_MONOTONIC).
  void Join(int64_t deadline_ns);

  [[nodiscard]] uint64_t received() const { return received_.load(); }

  // Valid after Join().
  [[nodiscard]] uint64_t sent() const { return sent_; }
  [[nodiscard]] bool saw_end() const { return saw_end_; }
  [[nodiscard]] bool corrupt() const { return corrupt_; }
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] int64_t longest_stall_ns() const { return longest_stall_ns_; }
  [[nodiscard]] int64_t longest_stall_begin_ns() const { return longest_stall_begin_ns_; }

 private:
  void Loop();
  [[nodiscard]] bool Done() const;
  [[nodiscard]] uint64_t AllowedNow() const;
  void Write();
  void Read();
  void NoteArrival(int64_t now);
  void Fail(const char* what, int error_number);

  const UniqueFd fd_;
  const UniqueFd wake_;
  const Options options_;
  const int64_t start_ns_;
  std::atomic<bool> stop_writing_{false};
  std::atomic<int64_t> deadline_ns_{INT64_MAX};
  std::atomic<uint64_t> received_{0};

  uint64_t sent_ = 0;
  bool said_end_ = false;
  bool saw_end_ = false;
  bool corrupt_ = false;
  std::string error_;
  int64_t last_arrival_ns_;
  int64_t longest_stall_ns_ = 0;
  int64_t longest_stall_begin_ns_ = 0;
  std::vector<uint8_t> buffer_;
  std::thread thread_;
};

}  // namespace stronghost::lab
