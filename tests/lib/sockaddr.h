// IpAddress and the socket calls.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "agent/base/unique_fd.h"

namespace stronghost::lab {

// An address with port for bind() and its kin.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// `port` in host byte order. `scope` is the interface of a link-local IPv6 address, else 0.
SocketAddress ToSocketAddress(const IpAddress& address, uint16_t port, int scope = 0);

// The address and port (host byte order) in a sockaddr of either family.
struct AddressAndPort {
  IpAddress address;
  uint16_t port = 0;
};
AddressAndPort FromSocketAddress(const sockaddr_storage& storage);

// Binds to an address and port; 0 lets the kernel choose. Returns the port.
absl::StatusOr<uint16_t> Bind(const UniqueFd& fd, const IpAddress& address, uint16_t port,
                              int scope = 0);

// SO_BINDTODEVICE.
absl::Status BindToDevice(const UniqueFd& fd, const std::string& device);

// Sets an integer option; `what` names it in the error.
absl::Status SetOption(const UniqueFd& fd, int level, int option, int value, const char* what);

// The unspecified address of a family: 0.0.0.0 or ::.
IpAddress AnyAddress(int family);

}  // namespace stronghost::lab
