#include "tests/lib/sockaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost::lab {

SocketAddress ToSocketAddress(const IpAddress& address, uint16_t port, int scope) {
  SocketAddress result;
  if (address.IsV4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.data(), sizeof(v4.sin_addr));
    result.length = sizeof(v4);
    std::memcpy(&result.storage, &v4, sizeof(v4));
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    v6.sin6_scope_id = address.IsLinkLocal() ? static_cast<uint32_t>(scope) : 0;
    std::memcpy(&v6.sin6_addr, address.data(), sizeof(v6.sin6_addr));
    result.length = sizeof(v6);
    std::memcpy(&result.storage, &v6, sizeof(v6));
  }
  return result;
}

AddressAndPort FromSocketAddress(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof(v4));
    return {IpAddress::V4(v4.sin_addr.s_addr), ntohs(v4.sin_port)};
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &storage, sizeof(v6));
  return {IpAddress::FromBytes16(v6.sin6_addr.s6_addr), ntohs(v6.sin6_port)};
}

absl::StatusOr<uint16_t> Bind(const UniqueFd& fd, const IpAddress& address, uint16_t port,
                              int scope) {
  const SocketAddress wanted = ToSocketAddress(address, port, scope);
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  if (bind(fd.get(), wanted.get(), wanted.length) != 0 ||
      getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length) != 0) {
    return ErrnoError(errno, absl::StrCat("bind to ", address.ToString(), " port ", port));
  }
  return FromSocketAddress(bound).port;
}

absl::Status BindToDevice(const UniqueFd& fd, const std::string& device) {
  if (setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                 static_cast<socklen_t>(device.size())) != 0) {
    return ErrnoError(errno, absl::StrCat("bind a socket to device ", device));
  }
  return absl::OkStatus();
}

absl::Status SetOption(const UniqueFd& fd, int level, int option, int value, const char* what) {
  if (setsockopt(fd.get(), level, option, &value, sizeof(value)) != 0) {
    return ErrnoError(errno, absl::StrCat("set socket option ", what, " to ", value));
  }
  return absl::OkStatus();
}

IpAddress AnyAddress(int family) {
  return family == AF_INET ? IpAddress::V4(0) : IpAddress();
}

}  // namespace stronghost::lab
