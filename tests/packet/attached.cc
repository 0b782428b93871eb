#include "tests/packet/attached.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"

namespace stronghost::packet {
namespace {

constexpr unsigned kRingBytes = 4096;
constexpr size_t kDataOffset = TPACKET2_HDRLEN - sizeof(sockaddr_ll);

absl::Status Attach(const Nic& nic, bpf_tc_attach_point point, int program_fd) {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(nic.ifindex);
  hook.attach_point = point;
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.prog_fd = program_fd;
  const int error = bpf_tc_attach(&hook, &options);
  return error == 0 ? absl::OkStatus()
                    : ErrnoError(error, absl::StrCat("attach a program to ", nic.name));
}

}  // namespace

absl::Status AttachToTc(const Programs& programs, const Nic& nic) {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(nic.ifindex);
  hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  if (const int error = bpf_tc_hook_create(&hook); error != 0) {
    return ErrnoError(error, absl::StrCat("add clsact to ", nic.name));
  }
  RETURN_IF_ERROR(Attach(nic, BPF_TC_EGRESS, programs.ProgramFd(Program::kSteer)));
  return Attach(nic, BPF_TC_INGRESS, programs.ProgramFd(Program::kDeliver));
}

absl::Status AttachVlanPush(const Nic& nic, uint16_t id) {
  const bpf_insn instructions[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K,
       .dst_reg = BPF_REG_2,
       .imm = __builtin_bswap16(ETH_P_8021Q)},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3, .imm = id},
      {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_vlan_push},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = TC_ACT_UNSPEC},
      {.code = BPF_JMP | BPF_EXIT},
  };
  const UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "push_vlan", "GPL", instructions,
                                       std::size(instructions), nullptr));
  if (!program.valid()) {
    return ErrnoError(errno, "load a program that pushes a VLAN tag");
  }
  // Of filters that don't say their priority, the newest comes first.
  return Attach(nic, BPF_TC_EGRESS, program.get());
}

absl::Status AttachToXdp(const Programs& programs, const Nic& nic, XdpMode mode) {
  const unsigned flags = mode == XdpMode::kNative ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  const int error = bpf_xdp_attach(static_cast<int>(nic.ifindex),
                                   programs.ProgramFd(Program::kGuard), flags, nullptr);
  return error == 0 ? absl::OkStatus()
                    : ErrnoError(error, absl::StrCat("attach guard to ", nic.name));
}

absl::StatusOr<PagedSender> PagedSender::Open(const lab::NetNs& netns,
                                              const std::string& interface) {
  ASSIGN_OR_RETURN(const int index, netns.IfIndex(interface));
  ASSIGN_OR_RETURN(UniqueFd fd, netns.Socket(AF_PACKET, SOCK_RAW, 0));
  const int version = TPACKET_V2;
  const tpacket_req ring{
      .tp_block_size = kRingBytes, .tp_block_nr = 1, .tp_frame_size = kRingBytes, .tp_frame_nr = 1};
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = index;
  if (setsockopt(fd.get(), SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0 ||
      setsockopt(fd.get(), SOL_PACKET, PACKET_TX_RING, &ring, sizeof(ring)) != 0 ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoError(errno, absl::StrCat("open a send ring on ", interface));
  }
  void* memory = mmap(nullptr, kRingBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) {
    return ErrnoError(errno, "map a send ring");
  }
  return PagedSender(std::move(fd), memory);
}

PagedSender::~PagedSender() {
  if (ring_ != nullptr) {
    munmap(ring_, kRingBytes);
  }
}

absl::Status PagedSender::Send(const Bytes& frame) {
  auto* slot = static_cast<uint8_t*>(ring_);
  auto* header = reinterpret_cast<tpacket2_hdr*>(slot);
  const std::atomic_ref<uint32_t> status(header->tp_status);
  // The kernel gives the slot back when the frame before has been consumed.
  RETURN_IF_ERROR(lab::Await(
      absl::Seconds(5), [&] { return status.load() == TP_STATUS_AVAILABLE; }, "a free slot"));
  std::copy(frame.begin(), frame.end(), slot + kDataOffset);
  header->tp_len = static_cast<uint32_t>(frame.size());
  status.store(TP_STATUS_SEND_REQUEST);
  if (send(fd_.get(), nullptr, 0, 0) < 0) {
    return ErrnoError(errno, "send a paged frame");
  }
  return absl::OkStatus();
}

}  // namespace stronghost::packet
