// A UDP socket that says what it was told about each datagram, and may choose the source of one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/base/net_types.h"
#include "agent/base/unique_fd.h"
#include "tests/lib/cgroup.h"
#include "tests/lib/netns.h"

namespace stronghost::lab {

// IP_PKTINFO or IPV6_PKTINFO of a datagram that came.
struct Datagram {
  IpAddress from;
  uint16_t from_port = 0;
  IpAddress to;            // its destination (ipi_addr)
  IpAddress specific;      // the address of this host that it was for (ipi_spec_dst); IPv6: as `to`
  uint32_t interface = 0;  // that it came in on, as the stack sees it
};

// Move-only.
class UdpSocket {
 public:
  // `cgroup`: where the socket belongs to, for ever.
  static absl::StatusOr<UdpSocket> Open(const NetNs& netns, int family,
                                        const Cgroup* cgroup = nullptr);

  // "0.0.0.0", "::" or an address; port 0: the kernel chooses.
  absl::Status Bind(const IpAddress& address, uint16_t port);
  absl::Status BindToDevice(const std::string& device);
  absl::Status AllowBroadcast();
  absl::Status Connect(const IpAddress& address, uint16_t port);
  // One datagram of one byte. `source`: chosen by IP_PKTINFO or IPV6_PKTINFO. `scope`: ifindex for
  // a link-local or multicast destination.
  absl::Status SendTo(const IpAddress& address, uint16_t port,
                      const IpAddress& source = IpAddress(), int scope = 0);
  // DeadlineExceeded when none comes.
  absl::StatusOr<Datagram> Receive(absl::Duration timeout);
  [[nodiscard]] absl::StatusOr<IpAddress> LocalAddress() const;  // getsockname()
  [[nodiscard]] absl::StatusOr<uint16_t> LocalPort() const;

 private:
  explicit UdpSocket(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace stronghost::lab
