// The programs on real hooks, for what BPF_PROG_TEST_RUN can't show: where redirected frames go,
// VLAN tags in metadata, frames that are not linear, and headers that the kernel refuses to run.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"
#include "tests/lib/netns.h"
#include "tests/packet/program_fixture.h"
#include "tests/packet/programs.h"

namespace stronghost::packet {

enum class XdpMode { kNative, kGeneric };

// Attaches steer to the tc egress and deliver to the tc ingress of an interface of the calling
// thread's network namespace (clsact, once an interface). It goes with the namespace.
absl::Status AttachToTc(const Programs& programs, const Nic& nic);

// Gives every frame that leaves by the interface a VLAN tag in its metadata, as a VLAN device above
// it would, before steer sees it. After AttachToTc().
absl::Status AttachVlanPush(const Nic& nic, uint16_t id);

// Attaches guard. In native mode a veth's peer needs an XDP program as well to send into it.
absl::Status AttachToXdp(const Programs& programs, const Nic& nic, XdpMode mode);

// Sends frames of which only the Ethernet header is linear (PACKET_TX_RING keeps the rest in
// pages). Move-only.
class PagedSender {
 public:
  static absl::StatusOr<PagedSender> Open(const lab::NetNs& netns, const std::string& interface);
  PagedSender(PagedSender&& other) noexcept
      : fd_(std::move(other.fd_)), ring_(std::exchange(other.ring_, nullptr)) {}
  PagedSender& operator=(PagedSender&&) = delete;
  ~PagedSender();

  // At most 1500 bytes.
  absl::Status Send(const Bytes& frame);

 private:
  PagedSender(UniqueFd fd, void* ring) : fd_(std::move(fd)), ring_(ring) {}

  UniqueFd fd_;
  void* ring_;
};

}  // namespace stronghost::packet
