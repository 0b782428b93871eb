// What the stack is given: frames behind tc ingress, with the NIC that they seem to arrive on. (A
// packet socket for all protocols sees them before tc, one for a single protocol behind it.)
#pragma once

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/base/status.h"
#include "tests/lib/lab_plan.h"
#include "tests/lib/netns.h"
#include "tests/lib/sockaddr.h"

namespace stronghost::lab {

// Move-only; not for use from several threads at once.
class StackTap {
 public:
  struct Seen {
    int nic = 0;
    Bytes bytes;
  };

  // On the first `nics` NICs of the server. `protocols` are ethertypes, as they read behind a tag
  // that the kernel took out.
  static absl::StatusOr<StackTap> Open(const NetNs& server, int nics,
                                       const std::vector<uint16_t>& protocols) {
    StackTap tap;
    for (int nic = 0; nic < nics; ++nic) {
      ASSIGN_OR_RETURN(const int index, server.IfIndex(LabPlan::Nic(nic)));
      for (const uint16_t protocol : protocols) {
        ASSIGN_OR_RETURN(UniqueFd fd, server.Socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0));
        RETURN_IF_ERROR(SetOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20, "SO_RCVBUFFORCE"));
        RETURN_IF_ERROR(SetOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "IGNORE_OUTGOING"));
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(protocol);
        address.sll_ifindex = index;
        if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
          return ErrnoError(errno, "bind a packet socket");
        }
        tap.sockets_.push_back({nic, std::move(fd)});
      }
    }
    return tap;
  }

  // Everything up to now.
  const std::vector<Seen>& Read() {
    std::array<uint8_t, 4096> buffer{};
    for (const auto& [nic, fd] : sockets_) {
      while (true) {
        const ssize_t size = recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size < 0 && errno == ENETDOWN) {
          continue;  // told once
        }
        if (size < 0) {
          break;
        }
        seen_.push_back({nic, Bytes(buffer.begin(), buffer.begin() + size)});
      }
    }
    return seen_;
  }
  void Clear() {
    Read();
    seen_.clear();
  }

 private:
  StackTap() = default;
  std::vector<std::pair<int, UniqueFd>> sockets_;
  std::vector<Seen> seen_;
};

}  // namespace stronghost::lab
