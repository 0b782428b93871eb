#include "agent/act/announcer.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost {
namespace {

// Room for several turns of the schedule, so that a busy wire doesn't refuse frames.
constexpr int kSendBuffer = 4 << 20;

// Errors after which the wire's other frames would fail as well.
bool IsFinal(int error) {
  return error == EAGAIN || error == EBADF;
}

const char* MendOf(int error) {
  switch (error) {
    case EAGAIN:
    case ENOBUFS:
      return "; the interface's queue is full, lost frames are repeated";
    case EMSGSIZE:
      return "; raise the interface's MTU to 1280 or more";
    case EPERM:
    case EACCES:
      return "; run as root or give CAP_NET_RAW";
    default:
      return "";
  }
}

// One sendmmsg() batch: headers that point into the frames.
class Batch {
 public:
  Batch(IfIndex wire, const std::vector<const Frame*>& frames)
      : addresses_(frames.size()), parts_(frames.size()), messages_(frames.size()) {
    for (size_t i = 0; i < frames.size(); ++i) {
      const Frame& frame = *frames[i];
      sockaddr_ll& to = addresses_[i];
      to.sll_family = AF_PACKET;
      to.sll_ifindex = static_cast<int>(ToInt(wire));
      to.sll_halen = ETH_ALEN;
      std::memcpy(to.sll_addr, frame.data(), ETH_ALEN);
      std::memcpy(&to.sll_protocol, frame.data() + 12, sizeof(to.sll_protocol));
      // sendmmsg() only reads; iovec has no const.
      parts_[i] = {const_cast<uint8_t*>(frame.data()), frame.size()};
      messages_[i].msg_hdr.msg_name = &to;
      messages_[i].msg_hdr.msg_namelen = sizeof(to);
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  // Sends from message `begin` on. Returns how many went out; with 0, errno says why.
  size_t Send(int fd, size_t begin) {
    int sent = -1;
    do {
      sent = sendmmsg(fd, messages_.data() + begin,
                      static_cast<unsigned int>(messages_.size() - begin), MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }

 private:
  std::vector<sockaddr_ll> addresses_;
  std::vector<iovec> parts_;
  std::vector<mmsghdr> messages_;
};

}  // namespace

absl::StatusOr<int> Announcer::SocketOf(IfIndex wire) {
  UniqueFd& held = sockets_[wire];
  if (!held.valid()) {
    UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, /*protocol=*/0));
    if (!fd.valid()) {
      const int error = errno;
      sockets_.erase(wire);
      return ErrnoError(
          error, absl::StrCat("open a packet socket for interface ", ToInt(wire), MendOf(error)));
    }
    // The first goes past net.core.wmem_max but needs CAP_NET_ADMIN; the second is enough.
    if (setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kSendBuffer, sizeof(int)) != 0) {
      setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof(int));
    }
    held = std::move(fd);
  }
  return held.get();
}

void Announcer::SendOn(IfIndex wire, const std::vector<const Frame*>& frames, SendReport& report) {
  const absl::StatusOr<int> fd = SocketOf(wire);
  if (!fd.ok()) {
    report.failures.push_back({wire, frames.size(), fd.status()});
    return;
  }
  Batch batch(wire, frames);
  SendFailure failure{wire, 0, absl::OkStatus()};
  for (size_t next = 0; next < frames.size();) {
    if (const size_t sent = batch.Send(*fd, next); sent > 0) {
      report.sent += sent;
      next += sent;
      continue;
    }
    const int error = errno;
    if (IsLinkLost(error)) {
      Forget(wire);
      break;
    }
    const size_t lost = IsFinal(error) ? frames.size() - next : 1;
    if (failure.frames == 0) {
      failure.status = ErrnoError(
          error, absl::StrCat("send announcements on interface ", ToInt(wire), MendOf(error)));
    }
    failure.frames += lost;
    next += lost;
  }
  if (failure.frames > 0) {
    report.failures.push_back(std::move(failure));
  }
}

SendReport Announcer::Send(const std::vector<DueFrame>& frames) {
  absl::btree_map<IfIndex, std::vector<const Frame*>> by_wire;
  for (const DueFrame& frame : frames) {
    by_wire[frame.wire].push_back(&frame.bytes);
  }
  SendReport report;
  for (const auto& [wire, of_wire] : by_wire) {
    SendOn(wire, of_wire, report);
  }
  return report;
}

}  // namespace stronghost
