#include "tests/lib/ping.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"
#include "tests/lib/byte_writer.h"
#include "tests/lib/checksum.h"
#include "tests/lib/sockaddr.h"

namespace stronghost::lab {
namespace {

// Echo header: type, code, checksum, id, sequence.
Bytes EchoRequest(bool v4, uint16_t id, uint16_t sequence) {
  Bytes request;
  Put8(request, v4 ? unsigned{ICMP_ECHO} : unsigned{ICMP6_ECHO_REQUEST});
  Put8(request, 0);
  Put16(request, 0);
  Put16(request, id);
  Put16(request, sequence);
  request.resize(64);
  if (v4) {  // The kernel computes that of ICMPv6 (RFC 3542 section 3.1).
    Set16(request, 2, InternetChecksum(request));
  }
  return request;
}

bool IsReply(std::span<const uint8_t> packet, bool v4, const Bytes& request) {
  // A raw IPv4 socket gets the IP header as well.
  const size_t skip = v4 && !packet.empty() ? static_cast<size_t>(packet[0] & 0x0f) * 4 : 0;
  if (packet.size() < skip + 8) {
    return false;
  }
  const auto echo = packet.subspan(skip);
  return echo[0] == (v4 ? unsigned{ICMP_ECHOREPLY} : unsigned{ICMP6_ECHO_REPLY}) &&
         std::equal(echo.begin() + 4, echo.begin() + 8, request.begin() + 4);
}

}  // namespace

absl::StatusOr<absl::Duration> Ping(const NetNs& netns, const IpAddress& destination,
                                    const PingOptions& options) {
  static std::atomic<uint16_t> next_sequence{1};
  const bool v4 = destination.IsV4();
  ASSIGN_OR_RETURN(const UniqueFd fd, netns.Socket(destination.family(), SOCK_RAW,
                                                   v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6}));
  int scope = 0;
  if (!options.device.empty()) {
    ASSIGN_OR_RETURN(scope, netns.IfIndex(options.device));
    RETURN_IF_ERROR(BindToDevice(fd, options.device));
  }
  if (options.source != IpAddress()) {
    RETURN_IF_ERROR(Bind(fd, options.source, 0, scope).status());
  }
  const Bytes request = EchoRequest(v4, static_cast<uint16_t>(getpid()), next_sequence++);
  const SocketAddress to = ToSocketAddress(destination, 0, scope);
  const int64_t start = MonotonicNow();
  const int64_t end = start + absl::ToInt64Nanoseconds(options.timeout);
  if (sendto(fd.get(), request.data(), request.size(), 0, to.get(), to.length) < 0) {
    return ErrnoError(errno, absl::StrCat("ping ", destination.ToString()));
  }
  std::array<uint8_t, 2048> buffer{};
  while (true) {
    const int64_t left = std::max<int64_t>(0, end - MonotonicNow());
    pollfd readable{.fd = fd.get(), .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, static_cast<int>((left + 999'999) / 1'000'000)) == 0) {
      return absl::DeadlineExceededError(
          absl::StrCat("no answer to a ping from ", netns.name(), " to ", destination.ToString()));
    }
    sockaddr_storage from{};
    socklen_t length = sizeof(from);
    const ssize_t size = recvfrom(fd.get(), buffer.data(), buffer.size(), 0,
                                  reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0) {
      return ErrnoError(errno, absl::StrCat("ping ", destination.ToString()));
    }
    if (FromSocketAddress(from).address == destination &&
        IsReply({buffer.data(), static_cast<size_t>(size)}, v4, request)) {
      return absl::Nanoseconds(MonotonicNow() - start);
    }
  }
}

}  // namespace stronghost::lab
