#include "tests/lib/arp_probe.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"
#include "tests/lib/frame.h"
#include "tests/lib/frame_builder.h"
#include "tests/lib/sockaddr.h"

namespace stronghost::lab {
namespace {

// Lets ARP and ICMPv6 in and nothing else: on a saturated port a listener that had to read every
// frame would never find its queue empty.
absl::Status AttachFilter(const UniqueFd& fd) {
  constexpr uint32_t kNextHeader = ETH_HLEN + 6;
  std::array<sock_filter, 7> code = {{
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(ethhdr, h_proto)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 3),
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kNextHeader),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  const sock_fprog program{.len = code.size(), .filter = code.data()};
  if (setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
    return ErrnoError(errno, "SO_ATTACH_FILTER");
  }
  return absl::OkStatus();
}

// Hears what comes into the switch by this port.
absl::StatusOr<UniqueFd> Listen(const NetNs& netns, const std::string& port) {
  ASSIGN_OR_RETURN(const int index, netns.IfIndex(port));
  ASSIGN_OR_RETURN(UniqueFd fd, netns.Socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0));
  RETURN_IF_ERROR(SetOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING"));
  RETURN_IF_ERROR(SetOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20, "SO_RCVBUFFORCE"));
  RETURN_IF_ERROR(AttachFilter(fd));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  // All protocols: ones for a single protocol see a bridge port's frames only behind the bridge.
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = index;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return ErrnoError(errno, absl::StrCat("listen on switch port ", port));
  }
  return fd;
}

// Whether a frame answers a question about `target`; if so, who by.
bool IsAnswer(const Frame& frame, const IpAddress& target, Answer& answer) {
  answer.frame_source = frame.source;
  if (frame.IsArp(2) && frame.arp->sender == target) {
    answer.mac = frame.arp->sender_mac;
    return true;
  }
  // An unsolicited advertisement answers nobody.
  if (frame.IsAdvertisement() && frame.neighbor->solicited && frame.neighbor->target == target) {
    answer.mac = frame.neighbor->link_layer.value_or(frame.source);
    return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<ArpProbe> ArpProbe::Open(Lab& lab, const Options& options) {
  const LabPlan& plan = lab.plan();
  ASSIGN_OR_RETURN(RawSender sender,
                   RawSender::Open(lab.client(options.client), LabPlan::kClientNic));
  ArpProbe probe(std::move(sender), options);
  probe.client_mac_ = LabPlan::ClientMac(options.client);
  probe.client_v4_ = plan.ClientAddress(options.client, AF_INET);
  probe.client_v6_ = plan.ClientAddress(options.client, AF_INET6);

  const int segment = plan.SegmentOfClient(options.client);
  std::vector<std::string> ports;
  for (int nic = 0; nic < plan.nic_count(); ++nic) {
    const bool there = lab.switch_netns().IfIndex(LabPlan::Port(nic)).ok();  // else removed
    if (there && plan.SegmentOfNic(nic) == segment) {
      ports.push_back(LabPlan::Port(nic));
    }
  }
  for (int client = 0; client < plan.client_count(); ++client) {
    if (client != options.client && plan.SegmentOfClient(client) == segment) {
      ports.push_back(LabPlan::ClientPort(client));
    }
  }
  if (plan.options().gateway) {
    ports.push_back(LabPlan::GatewayPort(segment));
  }
  for (const std::string& port : ports) {
    ASSIGN_OR_RETURN(UniqueFd fd, Listen(lab.switch_netns(), port));
    probe.listeners_.push_back({port, std::move(fd)});
  }
  return probe;
}

absl::Status ArpProbe::Send(const IpAddress& target) {
  const bool own = options_.sender == IpAddress();
  if (target.IsV4()) {
    return sender_.Send(ArpRequest(client_mac_, own ? client_v4_ : options_.sender, target));
  }
  return sender_.Send(NeighborSolicit(client_mac_, own ? client_v6_ : options_.sender, target));
}

absl::Status ArpProbe::Collect(const IpAddress& target, absl::Duration deadline,
                               absl::Duration drain, std::vector<Answer>& answers) {
  std::vector<pollfd> watched;
  for (const Listener& listener : listeners_) {
    watched.push_back({.fd = listener.fd.get(), .events = POLLIN, .revents = 0});
  }
  std::array<uint8_t, 2048> buffer{};
  int64_t end = MonotonicNow() + absl::ToInt64Nanoseconds(deadline);
  while (true) {
    const int64_t left = std::max<int64_t>(0, end - MonotonicNow());
    const timespec timeout{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
    if (ppoll(watched.data(), watched.size(), &timeout, nullptr) == 0) {
      return absl::OkStatus();
    }
    for (size_t i = 0; i < listeners_.size(); ++i) {
      if (watched[i].revents == 0) {
        continue;
      }
      const ssize_t size = recv(listeners_[i].fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (size < 0) {
        if (errno == EAGAIN || errno == ENETDOWN) {
          continue;
        }
        return ErrnoError(errno, absl::StrCat("receive on switch port ", listeners_[i].port));
      }
      Answer answer{.port = listeners_[i].port};
      if (IsAnswer(ParseFrame({buffer.data(), static_cast<size_t>(size)}), target, answer)) {
        answers.push_back(answer);
        end = MonotonicNow() + absl::ToInt64Nanoseconds(drain);
      }
    }
  }
}

absl::StatusOr<std::vector<Answer>> ArpProbe::Ask(const IpAddress& target) {
  std::vector<Answer> answers;
  RETURN_IF_ERROR(Collect(target, absl::ZeroDuration(), absl::ZeroDuration(), answers));
  answers.clear();  // of earlier questions, or other hosts'
  RETURN_IF_ERROR(Send(target));
  RETURN_IF_ERROR(Collect(target, options_.deadline, options_.drain, answers));
  return answers;
}

absl::StatusOr<AnswerCounts> ArpProbe::AskMany(const IpAddress& target, int count) {
  AnswerCounts counts;
  std::vector<Answer> answers;
  RETURN_IF_ERROR(Collect(target, absl::ZeroDuration(), absl::ZeroDuration(), answers));
  answers.clear();
  const auto note = [&] {
    counts.unanswered += answers.empty() ? 1 : 0;
    counts.answered_more_than_once += answers.size() > 1 ? 1 : 0;
    for (const Answer& answer : answers) {
      ++counts.answers[answer];
    }
    answers.clear();
  };
  for (; counts.asked < count; ++counts.asked) {
    if (counts.asked > 0) {
      // What has come since belongs to the question before.
      RETURN_IF_ERROR(Collect(target, absl::ZeroDuration(), absl::ZeroDuration(), answers));
      note();
    }
    RETURN_IF_ERROR(Send(target));
    RETURN_IF_ERROR(Collect(target, options_.deadline, options_.drain_of_many, answers));
  }
  if (count > 0) {
    RETURN_IF_ERROR(Collect(target, absl::Milliseconds(50), absl::Milliseconds(50), answers));
    note();
  }
  return counts;
}

std::string AnswerCounts::ToString() const {
  std::string text = absl::StrCat("asked ", asked, ", unanswered ", unanswered,
                                  ", answered more than once ", answered_more_than_once);
  for (const auto& [answer, number] : answers) {
    absl::StrAppend(&text, "\n", answer.mac.ToString(), " in a frame from ",
                    answer.frame_source.ToString(), " by ", answer.port, ": ", number);
  }
  return text;
}

}  // namespace stronghost::lab
