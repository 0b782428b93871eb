#include "agent/observe/carrier_poll.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>

#include "agent/base/status.h"
#include "agent/netlink/build.h"
#include "agent/netlink/parse.h"

namespace stronghost {
namespace {

constexpr int kAnswerTimeoutMs = 1000;
// Room for one answer: without statistics and virtual functions it has 1 to 2 kB.
constexpr size_t kAnswerSize = 16 << 10;

}  // namespace

absl::StatusOr<CarrierPoller> CarrierPoller::Open() {
  ASSIGN_OR_RETURN(NetlinkPort port, OpenNetlink({}));
  return CarrierPoller(std::move(port));
}

void CarrierPoller::SetLinks(absl::Span<const IfIndex> links) {
  links_.assign(links.begin(), links.end());
  requests_.clear();
  for (const IfIndex link : links_) {
    requests_.push_back(GetLinkRequest(link));
  }
}

absl::StatusOr<std::vector<CarrierSample>> CarrierPoller::Poll() {
  std::vector<CarrierSample> samples;
  for (const IfIndex link : links_) {
    samples.push_back({.link = link});
  }
  if (samples.empty()) {
    return samples;
  }
  RETURN_IF_ERROR(Send());
  // Without NLM_F_ACK there is exactly one answer to each request: the link, or an error.
  for (size_t answers = 0; answers < samples.size();) {
    ASSIGN_OR_RETURN(const size_t more, Receive(samples));
    answers += more;
  }
  return samples;
}

absl::Status CarrierPoller::Send() {
  std::vector<iovec> parts;
  // No number is used twice: a late answer must not be taken for another NIC's.
  first_sequence_ = next_sequence_;
  uint32_t sequence = first_sequence_;
  for (NetlinkMessage& request : requests_) {
    request.header().nlmsg_seq = sequence++;
    parts.push_back({&request.header(), request.size()});
  }
  next_sequence_ = sequence;
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  ssize_t sent = 0;
  do {
    sent = sendmsg(port_.fd.get(), &message, 0);  // unconnected netlink goes to the kernel
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? ErrnoError(errno, "ask for the carrier of the NICs") : absl::OkStatus();
}

// Takes what has come, in one system call; returns how many requests it answers.
absl::StatusOr<size_t> CarrierPoller::Receive(std::vector<CarrierSample>& samples) {
  buffer_.resize(samples.size() * kAnswerSize);
  std::vector<iovec> parts(samples.size());
  std::vector<mmsghdr> messages(samples.size());
  std::vector<sockaddr_nl> senders(samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    parts[i] = {buffer_.data() + i * kAnswerSize, kAnswerSize};
    messages[i].msg_hdr.msg_name = &senders[i];
    messages[i].msg_hdr.msg_namelen = sizeof(senders[i]);
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int count = recvmmsg(port_.fd.get(), messages.data(),
                             static_cast<unsigned>(messages.size()), MSG_DONTWAIT, nullptr);
  if (count < 0 && errno == EAGAIN) {
    RETURN_IF_ERROR(WaitReadable(port_.fd.get(), kAnswerTimeoutMs));
    return size_t{0};
  }
  if (count < 0 && errno == EINTR) {
    return size_t{0};
  }
  if (count < 0) {
    return errno == ENOBUFS
               ? absl::UnavailableError("ask for the carrier of the NICs: an answer was lost")
               : ErrnoError(errno, "ask for the carrier of the NICs");
  }
  size_t answers = 0;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    if (senders[i].nl_pid != 0) {
      continue;  // not the kernel
    }
    if ((messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
      return absl::InternalError("ask for the carrier of the NICs: an answer was too long");
    }
    answers += Note({buffer_.data() + i * kAnswerSize, messages[i].msg_len}, samples);
  }
  return answers;
}

size_t CarrierPoller::Note(absl::Span<const char> datagram,
                           std::vector<CarrierSample>& samples) const {
  size_t answers = 0;
  ForEachMessage(datagram, [&](const nlmsghdr& message) {
    const uint32_t index = message.nlmsg_seq - first_sequence_;
    if (index >= samples.size()) {
      return;
    }
    ++answers;
    if (const auto state = ParseLinkState(message); state.has_value()) {
      samples[index].exists = true;
      samples[index].admin_up = state->admin_up;
      samples[index].carrier = state->carrier;
    }
  });
  return answers;
}

}  // namespace stronghost
