#include "agent/observe/segment_probe.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/base/unique_fd.h"

namespace stronghost {
namespace {

constexpr absl::string_view kGreeting = "stronghost suggest";
constexpr size_t kEtherTypeAt = ETH_HLEN - 2;
constexpr size_t kGreetingAt = ETH_HLEN;
constexpr size_t kNonceAt = kGreetingAt + kGreeting.size();
constexpr size_t kSpeakerAt = kNonceAt + sizeof(ProbeNonce);
constexpr size_t kNumberAt = kSpeakerAt + sizeof(uint32_t);
static_assert(kNumberAt < sizeof(ProbeFrame));

constexpr absl::Duration kRound = absl::Milliseconds(300);    // between two frames of a NIC
constexpr absl::Duration kAfterAll = absl::Milliseconds(30);  // for what a loop brings back

uint32_t WordAt(const ProbeNonce& nonce, size_t at) {
  uint32_t word = 0;
  std::memcpy(&word, nonce.data() + at, sizeof(word));
  return ntohl(word);
}

// Only frames of this exchange reach the socket, so no flood of others can fill it.
absl::Status AttachFilter(int fd, const ProbeNonce& nonce) {
  std::array<sock_filter, 6> code = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNonceAt),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WordAt(nonce, 0), 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kNonceAt + 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, WordAt(nonce, 4), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0xffff),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  const sock_fprog program{.len = code.size(), .filter = code.data()};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
    return ErrnoError(errno, "filter the packet socket");
  }
  return absl::OkStatus();
}

// Bound to its EtherType, it gets what the stack would, after tc, and nothing that is sent here.
absl::StatusOr<UniqueFd> OpenSocket(const ProbeNic& nic, const ProbeNonce& nonce) {
  UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, /*protocol=*/0));
  if (!fd.valid()) {
    return ErrnoError(errno, "open a packet socket");
  }
  RETURN_IF_ERROR(AttachFilter(fd.get(), nonce));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(kProbeEtherType);
  address.sll_ifindex = static_cast<int>(ToInt(nic.link));
  const void* raw = &address;
  if (bind(fd.get(), static_cast<const sockaddr*>(raw), sizeof(address)) != 0) {
    return ErrnoError(errno, absl::StrCat("listen on ", nic.name));
  }
  return fd;
}

class Exchange {
 public:
  explicit Exchange(const std::vector<ProbeNic>& nics) : nics_(nics) {}

  absl::StatusOr<Hearing> Run() {
    if (getrandom(nonce_.data(), nonce_.size(), 0) != static_cast<ssize_t>(nonce_.size())) {
      return ErrnoError(errno, "get random bytes");
    }
    for (const ProbeNic& nic : nics_) {
      RETURN_IF_ERROR(Open(nic));
    }
    const absl::Time begin = MonotonicNow();
    for (int round = 0; round < kProbeFrames && !Complete(); ++round) {
      for (size_t i = 0; i < nics_.size(); ++i) {
        Send(i, static_cast<uint8_t>(round));
      }
      const bool last = round + 1 == kProbeFrames;
      RETURN_IF_ERROR(Listen(last ? begin + kProbeTime : begin + (round + 1) * kRound,
                             /*until_complete=*/true));
    }
    RETURN_IF_ERROR(Listen(MonotonicNow() + kAfterAll, /*until_complete=*/false));
    for (size_t i = 0; i < nics_.size(); ++i) {
      if (!spoke_[i]) {
        hearing_.silent.insert(nics_[i].link);
      }
    }
    return std::move(hearing_);
  }

 private:
  absl::Status Open(const ProbeNic& nic) {
    auto fd = OpenSocket(nic, nonce_);
    if (!fd.ok() && absl::IsPermissionDenied(fd.status())) {
      return fd.status();
    }
    if (!fd.ok()) {
      hearing_.failures[nic.link] = Message(fd.status());
    }
    waiting_.push_back({.fd = fd.ok() ? fd->get() : -1, .events = POLLIN, .revents = 0});
    sockets_.push_back(fd.ok() ? *std::move(fd) : UniqueFd());
    spoke_.push_back(false);
    return absl::OkStatus();
  }

  void Send(size_t i, uint8_t number) {
    const ProbeNic& nic = nics_[i];
    if (nic.silent || !sockets_[i].valid()) {
      return;
    }
    const ProbeFrame frame = MakeProbeFrame(nic.mac, nonce_, nic.link, number);
    if (send(sockets_[i].get(), frame.data(), frame.size(), 0) ==
        static_cast<ssize_t>(frame.size())) {
      spoke_[i] = true;
      hearing_.failures.erase(nic.link);
    } else if (!spoke_[i]) {
      hearing_.failures[nic.link] = Message(ErrnoError(errno, absl::StrCat("send on ", nic.name)));
    }
  }

  // Every NIC that can listen has heard every other one that spoke.
  [[nodiscard]] bool Complete() const {
    for (size_t speaker = 0; speaker < nics_.size(); ++speaker) {
      for (size_t listener = 0; listener < nics_.size(); ++listener) {
        if (speaker != listener && !nics_[speaker].silent &&
            !hearing_.heard.contains({nics_[speaker].link, nics_[listener].link})) {
          return false;
        }
      }
    }
    return true;
  }

  // What is there when the time is up is read all the same: this process may have been kept
  // waiting.
  absl::Status Listen(absl::Time end, bool until_complete) {
    while (true) {
      const absl::Duration left = std::max(end - MonotonicNow(), absl::ZeroDuration());
      const auto timeout = absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1)));
      const int ready = poll(waiting_.data(), waiting_.size(), static_cast<int>(timeout));
      if (ready < 0 && errno != EINTR) {
        return ErrnoError(errno, "wait for frames");
      }
      for (size_t i = 0; i < waiting_.size() && ready > 0; ++i) {
        if (waiting_[i].revents != 0) {
          Receive(i);
        }
      }
      if ((until_complete && Complete()) || (left == absl::ZeroDuration() && ready <= 0)) {
        return absl::OkStatus();
      }
    }
  }

  void Receive(size_t i) {
    ProbeFrame frame{};
    sockaddr_ll sender{};
    socklen_t size = sizeof(sender);
    void* raw = &sender;
    const ssize_t count = recvfrom(sockets_[i].get(), frame.data(), frame.size(), MSG_DONTWAIT,
                                   static_cast<sockaddr*>(raw), &size);
    if (count < 0) {
      if (IsLinkLost(errno)) {
        hearing_.failures[nics_[i].link] =
            Message(ErrnoError(errno, absl::StrCat("listen on ", nics_[i].name)));
        waiting_[i].fd = -1;
      }
      return;
    }
    // The kernel takes a VLAN tag out, and marks what no VLAN of the NIC wants as another host's.
    if (sender.sll_pkttype != PACKET_BROADCAST) {
      return;
    }
    const auto speaker = SpeakerOf({frame.data(), static_cast<size_t>(count)}, nonce_);
    const bool known = speaker.has_value() &&
                       std::any_of(nics_.begin(), nics_.end(),
                                   [&](const ProbeNic& nic) { return nic.link == *speaker; });
    if (known) {
      hearing_.heard.emplace(*speaker, nics_[i].link);
    }
  }

  const std::vector<ProbeNic>& nics_;
  ProbeNonce nonce_{};
  std::vector<UniqueFd> sockets_;  // as `nics_`
  std::vector<pollfd> waiting_;
  std::vector<bool> spoke_;
  Hearing hearing_;
};

}  // namespace

ProbeFrame MakeProbeFrame(const MacAddress& mac, const ProbeNonce& nonce, IfIndex speaker,
                          uint8_t number) {
  ProbeFrame frame{};
  std::fill_n(frame.begin(), ETH_ALEN, uint8_t{0xff});
  std::copy(mac.bytes.begin(), mac.bytes.end(), frame.begin() + ETH_ALEN);
  frame[kEtherTypeAt] = kProbeEtherType >> 8;
  frame[kEtherTypeAt + 1] = kProbeEtherType & 0xff;
  std::copy(kGreeting.begin(), kGreeting.end(), frame.begin() + kGreetingAt);
  std::copy(nonce.begin(), nonce.end(), frame.begin() + kNonceAt);
  const uint32_t index = htonl(ToInt(speaker));
  std::memcpy(frame.data() + kSpeakerAt, &index, sizeof(index));
  frame[kNumberAt] = number;
  return frame;
}

std::optional<IfIndex> SpeakerOf(absl::Span<const uint8_t> frame, const ProbeNonce& nonce) {
  if (frame.size() <= kNumberAt || frame[kEtherTypeAt] != kProbeEtherType >> 8 ||
      frame[kEtherTypeAt + 1] != (kProbeEtherType & 0xff) ||
      !std::equal(kGreeting.begin(), kGreeting.end(), frame.begin() + kGreetingAt) ||
      !std::equal(nonce.begin(), nonce.end(), frame.begin() + kNonceAt)) {
    return std::nullopt;
  }
  uint32_t index = 0;
  std::memcpy(&index, frame.data() + kSpeakerAt, sizeof(index));
  return IfIndex{ntohl(index)};
}

absl::StatusOr<Hearing> ProbeSegments(const std::vector<ProbeNic>& nics) {
  if (nics.size() < 2) {
    return Hearing{};
  }
  return Exchange(nics).Run();
}

}  // namespace stronghost
