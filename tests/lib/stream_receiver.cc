#include <linux/ipv6.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"
#include "tests/lib/kernel_stamp.h"
#include "tests/lib/patience.h"
#include "tests/lib/sockaddr.h"
#include "tests/lib/stream.h"
#include "tests/lib/stream_packet.h"

namespace stronghost::lab {
namespace {

constexpr size_t kBatch = 64;

uint32_t InterfaceOf(const msghdr& message) {
  auto* mutable_message = const_cast<msghdr*>(&message);
  for (cmsghdr* control = CMSG_FIRSTHDR(mutable_message); control != nullptr;
       control = CMSG_NXTHDR(mutable_message, control)) {
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      in_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(control), sizeof(info));
      return static_cast<uint32_t>(info.ipi_ifindex);
    }
    if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(control), sizeof(info));
      return info.ipi6_ifindex;
    }
  }
  return 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<StreamReceiver>> StreamReceiver::Start(
    const NetNs& netns, const StreamReceiverOptions& options) {
  const bool any = options.address == IpAddress();
  const IpAddress address = any ? AnyAddress(options.family) : options.address;
  const bool v4 = address.IsV4();
  ASSIGN_OR_RETURN(UniqueFd fd, netns.Socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK));
  RETURN_IF_ERROR(SetOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20, "SO_RCVBUFFORCE"));
  RETURN_IF_ERROR(EnableStamps(fd));
  RETURN_IF_ERROR(v4 ? SetOption(fd, IPPROTO_IP, IP_PKTINFO, 1, "IP_PKTINFO")
                     : SetOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO"));
  int scope = 0;
  if (!options.device.empty()) {
    ASSIGN_OR_RETURN(scope, netns.IfIndex(options.device));
    RETURN_IF_ERROR(BindToDevice(fd, options.device));
  }
  ASSIGN_OR_RETURN(const uint16_t port, Bind(fd, address, options.port, scope));
  UniqueFd wake(eventfd(0, EFD_CLOEXEC));
  if (!wake.valid()) {
    return ErrnoError(errno, "eventfd");
  }
  return std::unique_ptr<StreamReceiver>(new StreamReceiver(std::move(fd), std::move(wake), port));
}

StreamReceiver::StreamReceiver(UniqueFd fd, UniqueFd wake, uint16_t port)
    : fd_(std::move(fd)), wake_(std::move(wake)), port_(port), thread_([this] { Loop(); }) {}

StreamReceiver::~StreamReceiver() {
  Stop();
}

void StreamReceiver::Loop() {
  PreferThisThread();
  std::array<pollfd, 2> watched = {{{.fd = fd_.get(), .events = POLLIN, .revents = 0},
                                    {.fd = wake_.get(), .events = POLLIN, .revents = 0}}};
  do {
    poll(watched.data(), watched.size(), -1);
    while (ReadBatch()) {
    }
  } while (watched[1].revents == 0);
}

bool StreamReceiver::ReadBatch() {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> vectors{};
  std::array<sockaddr_storage, kBatch> senders{};
  std::array<StreamPacket, kBatch> packets{};
  alignas(cmsghdr) std::array<std::array<uint8_t, 128>, kBatch> controls{};
  for (size_t i = 0; i < kBatch; ++i) {
    vectors[i] = {.iov_base = &packets[i], .iov_len = sizeof(StreamPacket)};
    msghdr& header = messages[i].msg_hdr;
    header.msg_name = &senders[i];
    header.msg_namelen = sizeof(senders[i]);
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    header.msg_control = controls[i].data();
    header.msg_controllen = controls[i].size();
  }
  const int count = recvmmsg(fd_.get(), messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (count <= 0) {
    return false;
  }
  const int64_t offset = RealtimeOffset();
  uint64_t taken = 0;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    if (messages[i].msg_len < sizeof(StreamPacket) || packets[i].magic != kStreamMagic) {
      continue;
    }
    arrivals_.push_back({.sequence = packets[i].sequence,
                         .sent_ns = packets[i].sent_ns,
                         .arrived_ns = StampOf(messages[i].msg_hdr) - offset,
                         .interface = InterfaceOf(messages[i].msg_hdr),
                         .source = FromSocketAddress(senders[i]).address});
    ++taken;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    count_ += taken;
  }
  arrived_.notify_all();
  return true;
}

absl::Status StreamReceiver::AwaitCount(uint64_t count, absl::Duration deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!arrived_.wait_for(lock, absl::ToChronoNanoseconds(Patient(deadline)),
                         [&] { return count_.load() >= count; })) {
    return absl::DeadlineExceededError(
        absl::StrCat("waited ", absl::FormatDuration(deadline), " for ", count,
                     " arrivals of the stream, there were ", count_.load()));
  }
  return absl::OkStatus();
}

std::vector<Arrival> StreamReceiver::Stop() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = write(wake_.get(), &one, sizeof(one));
    thread_.join();
  }
  return arrivals_;
}

}  // namespace stronghost::lab
