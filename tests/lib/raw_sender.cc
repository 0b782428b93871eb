#include "tests/lib/raw_sender.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"

namespace stronghost::lab {
namespace {

constexpr size_t kBatch = 64;

// Sends frame_at(0) ... frame_at(count - 1).
template <typename FrameAt>
absl::Status SendAll(int fd, size_t count, const std::string& interface, FrameAt&& frame_at) {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> vectors{};
  size_t done = 0;
  int64_t full_since = 0;
  while (done < count) {
    const size_t batch = std::min(kBatch, count - done);
    for (size_t i = 0; i < batch; ++i) {
      const Bytes& frame = frame_at(done + i);
      vectors[i] = {.iov_base = const_cast<uint8_t*>(frame.data()), .iov_len = frame.size()};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int sent = sendmmsg(fd, messages.data(), static_cast<unsigned>(batch), 0);
    if (sent > 0) {
      done += static_cast<size_t>(sent);
      full_since = 0;
      continue;
    }
    // The device's queue may be full for a moment.
    if (errno == ENOBUFS && (full_since == 0 || MonotonicNow() - full_since < 1'000'000'000)) {
      full_since = full_since == 0 ? MonotonicNow() : full_since;
      continue;
    }
    return ErrnoError(errno, absl::StrCat("send frame ", done, " of ", count, " on ", interface));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RawSender> RawSender::Open(const NetNs& netns, const std::string& interface) {
  ASSIGN_OR_RETURN(const int index, netns.IfIndex(interface));
  // Protocol 0: it receives nothing.
  ASSIGN_OR_RETURN(UniqueFd fd, netns.Socket(AF_PACKET, SOCK_RAW, 0));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = index;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoError(errno, absl::StrCat("bind a packet socket to ", interface));
  }
  return RawSender(std::move(fd), interface);
}

absl::Status RawSender::Send(const Bytes& frame) const {
  return SendAll(fd_.get(), 1, interface_, [&](size_t) -> const Bytes& { return frame; });
}

absl::Status RawSender::Send(std::span<const Bytes> frames) const {
  return SendAll(fd_.get(), frames.size(), interface_,
                 [&](size_t i) -> const Bytes& { return frames[i]; });
}

absl::Status RawSender::Repeat(const Bytes& frame, int count) const {
  return SendAll(fd_.get(), static_cast<size_t>(count), interface_,
                 [&](size_t) -> const Bytes& { return frame; });
}

}  // namespace stronghost::lab
