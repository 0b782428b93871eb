#include "agent/act/prober.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost {

absl::Status Prober::Send(IfIndex nic, const Frame& frame) {
  if (!socket_.valid()) {
    UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, /*protocol=*/0));
    const int one = 1;
    if (!fd.valid() ||
        setsockopt(fd.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) != 0) {
      return ErrnoError(errno, "open a packet socket for probes; run as root or give CAP_NET_RAW");
    }
    socket_ = std::move(fd);
  }
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(ToInt(nic));
  to.sll_halen = ETH_ALEN;
  std::memcpy(to.sll_addr, frame.data(), ETH_ALEN);
  std::memcpy(&to.sll_protocol, frame.data() + 12, sizeof(to.sll_protocol));
  const void* address = &to;
  if (sendto(socket_.get(), frame.data(), frame.size(), MSG_DONTWAIT,
             static_cast<const sockaddr*>(address), sizeof(to)) < 0 &&
      !IsLinkLost(errno)) {
    return ErrnoError(errno, absl::StrCat("send a probe on interface ", ToInt(nic)));
  }
  return absl::OkStatus();
}

}  // namespace stronghost
