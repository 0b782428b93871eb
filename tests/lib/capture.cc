#include "tests/lib/capture.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"
#include "tests/lib/kernel_stamp.h"
#include "tests/lib/patience.h"
#include "tests/lib/sockaddr.h"

namespace stronghost::lab {
namespace {

constexpr int kBatch = 64;
constexpr int kReceiveBuffer = 256 << 20;  // a limit, not a reservation
constexpr size_t kControlSize = 128;
constexpr size_t kVlanOffset = 12;

// The tag that the kernel took out of the frame (PACKET_AUXDATA), back in its place.
void RestoreVlan(const tpacket_auxdata& aux, CapturedFrame& frame) {
  if ((aux.tp_status & TP_STATUS_VLAN_VALID) == 0 || frame.bytes.size() < kVlanOffset) {
    return;
  }
  const uint16_t tpid = (aux.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0
                            ? aux.tp_vlan_tpid
                            : static_cast<uint16_t>(ETH_P_8021Q);
  const std::array<uint8_t, 4> tag = {static_cast<uint8_t>(tpid >> 8), static_cast<uint8_t>(tpid),
                                      static_cast<uint8_t>(aux.tp_vlan_tci >> 8),
                                      static_cast<uint8_t>(aux.tp_vlan_tci)};
  frame.bytes.insert(frame.bytes.begin() + kVlanOffset, tag.begin(), tag.end());
  frame.length += 4;
}

void ReadAuxiliary(const msghdr& message, CapturedFrame& frame) {
  auto* mutable_message = const_cast<msghdr*>(&message);
  for (cmsghdr* control = CMSG_FIRSTHDR(mutable_message); control != nullptr;
       control = CMSG_NXTHDR(mutable_message, control)) {
    if (control->cmsg_level == SOL_PACKET && control->cmsg_type == PACKET_AUXDATA) {
      tpacket_auxdata aux{};
      std::memcpy(&aux, CMSG_DATA(control), sizeof(aux));
      frame.checksum_pending = (aux.tp_status & TP_STATUS_CSUMNOTREADY) != 0;
      RestoreVlan(aux, frame);
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Capture>> Capture::Start(const NetNs& netns,
                                                        const std::string& interface,
                                                        CaptureOptions options) {
  ASSIGN_OR_RETURN(const int index, netns.IfIndex(interface));
  // With protocol 0 nothing is received before bind() names the interface.
  ASSIGN_OR_RETURN(UniqueFd fd, netns.Socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0));
  RETURN_IF_ERROR(SetOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBuffer, "SO_RCVBUFFORCE"));
  RETURN_IF_ERROR(SetOption(fd, SOL_PACKET, PACKET_AUXDATA, 1, "PACKET_AUXDATA"));
  RETURN_IF_ERROR(EnableStamps(fd));
  if (options.direction == CaptureOptions::Direction::kIncoming) {
    RETURN_IF_ERROR(SetOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING"));
  }
  // Promiscuous, or a NIC's filter may hide what is not for it.
  packet_mreq promiscuous{};
  promiscuous.mr_ifindex = index;
  promiscuous.mr_type = PACKET_MR_PROMISC;
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = index;
  if (setsockopt(fd.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous)) !=
          0 ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoError(errno, absl::StrCat("capture on ", interface, " in ", netns.name()));
  }
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) {
    return ErrnoError(errno, "eventfd");
  }
  return std::unique_ptr<Capture>(new Capture(std::move(fd), std::move(wake), std::move(options)));
}

Capture::Capture(UniqueFd fd, UniqueFd wake, CaptureOptions options)
    : fd_(std::move(fd)),
      wake_(std::move(wake)),
      options_(std::move(options)),
      buffer_(size_t{kBatch} * std::max<uint32_t>(options_.snap_length, 64)),
      thread_([this] { Loop(); }) {}

Capture::~Capture() {
  Stop();
}

void Capture::Loop() {
  PreferThisThread();
  std::array<pollfd, 2> watched = {{{.fd = fd_.get(), .events = POLLIN, .revents = 0},
                                    {.fd = wake_.get(), .events = POLLIN, .revents = 0}}};
  while (true) {
    poll(watched.data(), watched.size(), -1);
    uint64_t wanted = 0;
    bool stopping = false;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      wanted = flushes_wanted_;
      stopping = stopping_;
    }
    if (uint64_t count = 0; watched[1].revents != 0) {
      [[maybe_unused]] const ssize_t ignored = read(wake_.get(), &count, sizeof(count));
    }
    while (ReadBatch()) {
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    flushes_done_ = wanted;
    stopped_ = stopping;
    changed_.notify_all();
    if (stopping) {
      return;
    }
  }
}

bool Capture::ReadBatch() {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> vectors{};
  std::array<sockaddr_ll, kBatch> senders{};
  alignas(cmsghdr) std::array<std::array<uint8_t, kControlSize>, kBatch> controls{};
  const size_t room = buffer_.size() / kBatch;
  for (size_t i = 0; i < kBatch; ++i) {
    vectors[i] = {.iov_base = buffer_.data() + i * room, .iov_len = room};
    msghdr& header = messages[i].msg_hdr;
    header.msg_name = &senders[i];
    header.msg_namelen = sizeof(senders[i]);
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    header.msg_control = controls[i].data();
    header.msg_controllen = controls[i].size();
  }
  const int count = recvmmsg(fd_.get(), messages.data(), kBatch, MSG_DONTWAIT | MSG_TRUNC, nullptr);
  if (count < 0) {
    return errno == ENETDOWN;  // Told once when the link goes down; frames may lie behind it.
  }
  const int64_t offset = RealtimeOffset();
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    Take(messages[i].msg_hdr, messages[i].msg_len, offset);
  }
  return count > 0;
}

void Capture::Take(const msghdr& message, size_t length, int64_t offset) {
  const auto* sender = static_cast<const sockaddr_ll*>(message.msg_name);
  CapturedFrame frame;
  frame.packet_type = sender->sll_pkttype;
  frame.outgoing = sender->sll_pkttype == PACKET_OUTGOING;
  if (options_.direction == CaptureOptions::Direction::kOutgoing && !frame.outgoing) {
    return;
  }
  frame.realtime_ns = StampOf(message);
  frame.monotonic_ns = frame.realtime_ns - offset;
  frame.length = static_cast<uint32_t>(length);
  const auto* data = static_cast<const uint8_t*>(message.msg_iov->iov_base);
  frame.bytes.assign(data, data + std::min<size_t>(length, options_.snap_length));
  ReadAuxiliary(message, frame);
  if (options_.filter && !options_.filter(frame)) {
    return;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (frames_.size() >= options_.max_frames) {
    ++missed_;
    return;
  }
  frames_.push_back(std::move(frame));
  changed_.notify_all();
}

void Capture::Flush() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (stopped_) {
    return;
  }
  const uint64_t mine = ++flushes_wanted_;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = write(wake_.get(), &one, sizeof(one));
  changed_.wait(lock, [&] { return flushes_done_ >= mine || stopped_; });
}

std::vector<CapturedFrame> Capture::Frames() {
  Flush();
  const std::lock_guard<std::mutex> lock(mutex_);
  return {frames_.begin(), frames_.end()};
}

int Capture::Count(const std::function<bool(const Frame&)>& predicate) {
  Flush();
  const std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int>(
      std::count_if(frames_.begin(), frames_.end(),
                    [&](const CapturedFrame& frame) { return predicate(frame.Parse()); }));
}

void Capture::Clear() {
  Flush();
  const std::lock_guard<std::mutex> lock(mutex_);
  frames_.clear();
}

absl::StatusOr<CapturedFrame> Capture::AwaitFrame(
    const std::function<bool(const CapturedFrame&)>& predicate, absl::Duration deadline) {
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(Patient(deadline));
  std::unique_lock<std::mutex> lock(mutex_);
  size_t seen = 0;
  while (true) {
    seen = std::min(seen, frames_.size());  // Clear() may have come between.
    for (; seen < frames_.size(); ++seen) {
      if (predicate(frames_[seen])) {
        return frames_[seen];
      }
    }
    if (stopped_ || changed_.wait_until(lock, end) == std::cv_status::timeout) {
      return absl::DeadlineExceededError(absl::StrCat("no such frame within ",
                                                      absl::FormatDuration(deadline), " among ",
                                                      frames_.size(), " captured"));
    }
  }
}

void Capture::Stop() {
  if (!thread_.joinable()) {
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = write(wake_.get(), &one, sizeof(one));
  thread_.join();
  ReadStatistics();
}

int64_t Capture::Missed() {
  ReadStatistics();
  const std::lock_guard<std::mutex> lock(mutex_);
  return missed_;
}

void Capture::ReadStatistics() {
  tpacket_stats statistics{};  // reset by each reading
  socklen_t length = sizeof(statistics);
  if (getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &length) == 0) {
    const std::lock_guard<std::mutex> lock(mutex_);
    missed_ += statistics.tp_drops;
  }
}

}  // namespace stronghost::lab
