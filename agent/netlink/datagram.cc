#include "agent/netlink/datagram.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost {
namespace {

absl::Status Bind(int fd, uint32_t& port_id) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  const void* bind_to = &address;
  if (bind(fd, static_cast<const sockaddr*>(bind_to), sizeof(address)) != 0) {
    return ErrnoError(errno, "bind netlink socket");
  }
  socklen_t length = sizeof(address);
  void* name = &address;
  if (getsockname(fd, static_cast<sockaddr*>(name), &length) != 0) {
    return ErrnoError(errno, "getsockname of netlink socket");
  }
  port_id = address.nl_pid;
  return absl::OkStatus();
}

int SetOption(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value));
}

}  // namespace

absl::StatusOr<NetlinkPort> OpenNetlink(const NetlinkOptions& options) {
  NetlinkPort port;
  port.fd = UniqueFd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  const int fd = port.fd.get();
  if (!port.fd.valid()) {
    return ErrnoError(errno, "open netlink socket");
  }
  // Old kernels lack some of these; all is well without, error texts apart.
  SetOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
  SetOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
  SetOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
  if (SetOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, options.receive_buffer) != 0 &&
      SetOption(fd, SOL_SOCKET, SO_RCVBUF, options.receive_buffer) != 0) {
    return ErrnoError(errno, "set receive buffer of netlink socket");
  }
  RETURN_IF_ERROR(Bind(fd, port.id));
  for (const uint32_t group : options.groups) {
    if (SetOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, static_cast<int>(group)) != 0) {
      return ErrnoError(errno, absl::StrCat("join netlink group ", group));
    }
  }
  return port;
}

absl::StatusOr<ReceiveOutcome> ReceiveDatagram(int fd, std::vector<char>& buffer,
                                               absl::Span<const char>& datagram) {
  constexpr size_t kSmallest = 32 << 10;  // the kernel fills a dump's datagrams up to the size read
  for (;;) {
    ssize_t size = recv(fd, nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    sockaddr_nl sender{};
    if (size >= 0) {
      buffer.resize(std::max({buffer.size(), static_cast<size_t>(size), kSmallest}));
      iovec vector{buffer.data(), buffer.size()};
      msghdr message{};
      message.msg_name = &sender;
      message.msg_namelen = sizeof(sender);
      message.msg_iov = &vector;
      message.msg_iovlen = 1;
      size = recvmsg(fd, &message, MSG_DONTWAIT);
    }
    if (size < 0) {
      switch (errno) {
        case EINTR:
          continue;
        case EAGAIN:
          return ReceiveOutcome::kNothing;
        case ENOBUFS:
          return ReceiveOutcome::kOverrun;
        default:
          return ErrnoError(errno, "receive from netlink socket");
      }
    }
    if (sender.nl_pid == 0) {
      datagram = {buffer.data(), static_cast<size_t>(size)};
      return ReceiveOutcome::kDatagram;
    }
  }
}

absl::Status WaitReadable(int fd, int timeout_ms) {
  pollfd waiting{fd, POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&waiting, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) {
    return ErrnoError(errno, "poll netlink socket");
  }
  if (ready == 0) {
    return absl::DeadlineExceededError(
        absl::StrCat("the kernel did not answer on the netlink socket within ", timeout_ms, " ms"));
  }
  return absl::OkStatus();
}

}  // namespace stronghost
