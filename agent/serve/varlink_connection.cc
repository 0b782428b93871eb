#include "agent/serve/varlink_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace stronghost {
namespace {

bool WouldBlock(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

bool VarlinkConnection::Busy() const {
  return queued() > 0 || replies_ != nullptr || framer_.HasMessage();
}

uint32_t VarlinkConnection::WantedEvents() const {
  if (waiting_) {
    return 0;
  }
  return Busy() ? EPOLLOUT : EPOLLIN;
}

VarlinkConnection::Fate VarlinkConnection::OnReady(uint32_t events) {
  if (waiting_ && (events & (EPOLLHUP | EPOLLERR)) != 0) {
    return Fate::kClose;
  }
  if (!Busy() && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && Read() == Fate::kClose) {
    return Fate::kClose;
  }
  if (queued() == 0 && Answer() == Fate::kClose) {
    return Fate::kClose;
  }
  if (queued() > 0 && Write() == Fate::kClose) {
    return Fate::kClose;
  }
  return end_of_input_ && !Busy() ? Fate::kClose : Fate::kKeep;
}

VarlinkConnection::Fate VarlinkConnection::Read() {
  std::array<char, 16384> bytes;  // NOLINT: recv() fills it
  const ssize_t count = recv(fd_.get(), bytes.data(), bytes.size(), 0);
  if (count < 0) {
    return WouldBlock(errno) ? Fate::kKeep : Fate::kClose;
  }
  end_of_input_ = count == 0;
  const absl::Status status =
      framer_.Append(absl::string_view(bytes.data(), static_cast<size_t>(count)));
  return status.ok() ? Fate::kKeep : Fate::kClose;
}

VarlinkConnection::Fate VarlinkConnection::Answer() {
  if (replies_ == nullptr) {
    const std::optional<std::string> message = framer_.Next();
    if (!message) {
      return Fate::kKeep;
    }
    const auto call = ParseVarlinkCall(*message);
    if (!call.ok()) {
      return Fate::kClose;
    }
    oneway_ = call->oneway;
    replies_ = service_(*call);
  }
  const std::optional<VarlinkReply> reply = replies_();
  waiting_ = !reply.has_value() && !oneway_;
  if (waiting_) {
    return Fate::kKeep;
  }
  if (!oneway_) {
    out_ = EncodeVarlinkReply(*reply);
    written_ = 0;
  }
  if (oneway_ || !reply->continues) {
    replies_ = nullptr;
  }
  return Fate::kKeep;
}

VarlinkConnection::Fate VarlinkConnection::Write() {
  const ssize_t count =
      send(fd_.get(), out_.data() + written_, queued(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count < 0) {
    return WouldBlock(errno) ? Fate::kKeep : Fate::kClose;
  }
  written_ += static_cast<size_t>(count);
  if (queued() == 0) {
    std::string().swap(out_);
    written_ = 0;
  }
  return Fate::kKeep;
}

}  // namespace stronghost
