#include "tests/lib/udp_socket.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lib/sockaddr.h"

namespace stronghost::lab {
namespace {

constexpr size_t kControlSize = CMSG_SPACE(sizeof(in6_pktinfo));

template <typename Info>
void PutControl(msghdr& message, int level, int type, const Info& info) {
  message.msg_controllen = CMSG_SPACE(sizeof(info));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_len = CMSG_LEN(sizeof(info));
  header->cmsg_level = level;
  header->cmsg_type = type;
  std::memcpy(CMSG_DATA(header), &info, sizeof(info));
}

void ReadInfo(msghdr& message, Datagram& datagram) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(header), sizeof(info));
      datagram.to = IpAddress::V4(info.ipi_addr.s_addr);
      datagram.specific = IpAddress::V4(info.ipi_spec_dst.s_addr);
      datagram.interface = static_cast<uint32_t>(info.ipi_ifindex);
    } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(header), sizeof(info));
      datagram.to = datagram.specific = IpAddress::FromBytes16(info.ipi6_addr.s6_addr);
      datagram.interface = info.ipi6_ifindex;
    }
  }
}

}  // namespace

absl::StatusOr<UdpSocket> UdpSocket::Open(const NetNs& netns, int family, const Cgroup* cgroup) {
  std::optional<CgroupScope> inside;
  if (cgroup != nullptr) {
    ASSIGN_OR_RETURN(CgroupScope scope, CgroupScope::Enter(*cgroup));
    inside.emplace(std::move(scope));
  }
  ASSIGN_OR_RETURN(UniqueFd fd, netns.Socket(family, SOCK_DGRAM));
  RETURN_IF_ERROR(family == AF_INET
                      ? SetOption(fd, IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO")
                      : SetOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO"));
  return UdpSocket(std::move(fd));
}

absl::Status UdpSocket::Bind(const IpAddress& address, uint16_t port) {
  return lab::Bind(fd_, address, port).status();
}

absl::Status UdpSocket::BindToDevice(const std::string& device) {
  return lab::BindToDevice(fd_, device);
}

absl::Status UdpSocket::AllowBroadcast() {
  return SetOption(fd_, SOL_SOCKET, SO_BROADCAST, 1, "SO_BROADCAST");
}

absl::Status UdpSocket::Connect(const IpAddress& address, uint16_t port) {
  const SocketAddress to = ToSocketAddress(address, port);
  return connect(fd_.get(), to.get(), to.length) == 0
             ? absl::OkStatus()
             : ErrnoError(errno, absl::StrCat("connect to ", address.ToString()));
}

absl::Status UdpSocket::SendTo(const IpAddress& address, uint16_t port, const IpAddress& source,
                               int scope) {
  SocketAddress to = ToSocketAddress(address, port, scope);
  if (address.IsV6() && address.IsMulticast()) {
    reinterpret_cast<sockaddr_in6*>(&to.storage)->sin6_scope_id = static_cast<uint32_t>(scope);
  }
  char byte = '?';
  iovec data{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) std::array<char, kControlSize> control{};
  msghdr message{};
  message.msg_name = &to.storage;
  message.msg_namelen = to.length;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (source != IpAddress()) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const SocketAddress from = ToSocketAddress(source, 0);
    if (source.IsV4()) {
      in_pktinfo info{};
      info.ipi_spec_dst = reinterpret_cast<const sockaddr_in*>(from.get())->sin_addr;
      PutControl(message, IPPROTO_IP, IP_PKTINFO, info);
    } else {
      in6_pktinfo info{};
      info.ipi6_addr = reinterpret_cast<const sockaddr_in6*>(from.get())->sin6_addr;
      PutControl(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
  }
  return sendmsg(fd_.get(), &message, 0) == 1
             ? absl::OkStatus()
             : ErrnoError(errno, absl::StrCat("send to ", address.ToString()));
}

absl::StatusOr<Datagram> UdpSocket::Receive(absl::Duration timeout) {
  pollfd readable{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  if (poll(&readable, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout))) <= 0) {
    return absl::DeadlineExceededError("no datagram came");
  }
  sockaddr_storage from{};
  std::array<char, 2048> bytes{};
  iovec data{.iov_base = bytes.data(), .iov_len = bytes.size()};
  alignas(cmsghdr) std::array<char, 256> control{};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof(from);
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (recvmsg(fd_.get(), &message, 0) < 0) {
    return ErrnoError(errno, "receive");
  }
  Datagram datagram;
  const AddressAndPort sender = FromSocketAddress(from);
  datagram.from = sender.address;
  datagram.from_port = sender.port;
  ReadInfo(message, datagram);
  return datagram;
}

absl::StatusOr<IpAddress> UdpSocket::LocalAddress() const {
  sockaddr_storage name{};
  socklen_t length = sizeof(name);
  if (getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&name), &length) != 0) {
    return ErrnoError(errno, "getsockname");
  }
  return FromSocketAddress(name).address;
}

absl::StatusOr<uint16_t> UdpSocket::LocalPort() const {
  sockaddr_storage name{};
  socklen_t length = sizeof(name);
  if (getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&name), &length) != 0) {
    return ErrnoError(errno, "getsockname");
  }
  return FromSocketAddress(name).port;
}

}  // namespace stronghost::lab
