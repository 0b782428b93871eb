#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "agent/base/unique_fd.h"
#include "agent/serve/agent_service.h"
#include "agent/serve/varlink_message.h"

namespace stronghost {

// One client of the control socket.
//
// It does one thing at a time: as long as a reply waits to be written, or a call to be answered,
// nothing more is read, so a client that doesn't read holds at most one reply in memory and never
// more than one call is answered a wake-up. A client that sends what is no call is hung up on.
// Closing only its sending side is fine: what it asked before is answered.
class VarlinkConnection {
 public:
  using Service = std::function<VarlinkReplies(const VarlinkCall&)>;
  enum class Fate { kKeep, kClose };

  // `fd` is a connected, non-blocking stream socket.
  VarlinkConnection(UniqueFd fd, Service service)
      : fd_(std::move(fd)), service_(std::move(service)) {}

  // Takes a bounded step with an `events` mask that epoll(7) reported.
  Fate OnReady(uint32_t events);

  // What to wait for next: EPOLLIN, EPOLLOUT, or only that the client hangs up (0).
  [[nodiscard]] uint32_t WantedEvents() const;

  // The next reply was not there when it was asked for: OnReady(EPOLLOUT) asks again.
  [[nodiscard]] bool waiting() const { return waiting_; }

  // Bytes that wait to be written.
  [[nodiscard]] size_t queued() const { return out_.size() - written_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  [[nodiscard]] bool Busy() const;
  Fate Read();
  Fate Answer();
  Fate Write();

  UniqueFd fd_;
  Service service_;
  VarlinkFramer framer_{kMaxVarlinkCall};
  VarlinkReplies replies_;  // to the call that is being answered; null between calls
  bool oneway_ = false;     // that call wants no reply
  bool waiting_ = false;
  bool end_of_input_ = false;
  std::string out_;
  size_t written_ = 0;  // bytes of out_ that are gone
};

}  // namespace stronghost
