#include "agent/netlink/socket.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost {
namespace {

constexpr int kAnswerTimeoutMs = 5000;
constexpr int kDumpTries = 10;
// Each acknowledgement waits in the receive buffer: 128 of them fit into an unprivileged one too.
constexpr size_t kBatch = 128;

// Reads NLMSG_ERROR or, for a dump, NLMSG_DONE: both start with an int, 0 or a negative errno.
NetlinkAnswer ReadAnswer(const nlmsghdr& message) {
  NetlinkAnswer answer;
  const auto* code = FamilyHeader<int>(message);
  if (code == nullptr) {
    answer.error_number = message.nlmsg_type == NLMSG_DONE ? 0 : EBADMSG;
    return answer;
  }
  answer.error_number = *code < 0 ? -*code : 0;
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) {
    return answer;
  }
  size_t skip = sizeof(int);
  if (message.nlmsg_type == NLMSG_ERROR) {
    const auto* error = FamilyHeader<nlmsgerr>(message);
    if (error == nullptr) {
      return answer;
    }
    const bool request_follows =
        (message.nlmsg_flags & NLM_F_CAPPED) == 0 && error->msg.nlmsg_len > sizeof(nlmsghdr);
    skip = sizeof(nlmsgerr) + (request_follows ? error->msg.nlmsg_len - sizeof(nlmsghdr) : 0);
  }
  ForEachAttribute(AttributeBytes(message, skip),
                   [&answer](uint16_t type, absl::Span<const char> payload) {
                     if (type == NLMSGERR_ATTR_MSG) {
                       answer.detail = ReadString(payload);
                     }
                   });
  return answer;
}

}  // namespace

absl::Status NetlinkAnswer::ToStatus(absl::string_view what) const {
  if (ok()) {
    return absl::OkStatus();
  }
  if (error_number == EBADMSG) {
    return absl::UnavailableError(absl::StrCat(what, ": the kernel's answer was lost"));
  }
  const absl::Status plain = ErrnoError(error_number, what);
  return {plain.code(),
          absl::StrCat(plain.message(), detail.empty() ? "" : absl::StrCat(" (", detail, ")"),
                       error_number == EPERM ? "; run as root or give CAP_NET_ADMIN" : "")};
}

absl::StatusOr<NetlinkSocket> NetlinkSocket::Open(const NetlinkOptions& options) {
  ASSIGN_OR_RETURN(NetlinkPort port, OpenNetlink(options));
  return NetlinkSocket(std::move(port));
}

absl::Status NetlinkSocket::Transact(NetlinkMessage& request, absl::string_view what) {
  return Transact(request, what, [](const nlmsghdr&) {});
}

absl::Status NetlinkSocket::Transact(NetlinkMessage& request, absl::string_view what,
                                     MessageVisitor on_reply) {
  NetlinkAnswer answer;
  Exchange(absl::MakeSpan(&request, 1), absl::MakeSpan(&answer, 1), on_reply);
  return answer.ToStatus(what);
}

std::vector<NetlinkAnswer> NetlinkSocket::TransactAll(absl::Span<NetlinkMessage> requests) {
  std::vector<NetlinkAnswer> answers(requests.size());
  for (size_t start = 0; start < requests.size(); start += kBatch) {
    Exchange(requests.subspan(start, kBatch), absl::MakeSpan(answers).subspan(start, kBatch),
             [](const nlmsghdr&) {});
  }
  return answers;
}

void NetlinkSocket::Exchange(absl::Span<NetlinkMessage> requests, absl::Span<NetlinkAnswer> answers,
                             MessageVisitor on_reply) {
  const uint32_t first = sequence_ + 1;
  for (NetlinkMessage& request : requests) {
    request.header().nlmsg_flags |= NLM_F_ACK;
    request.header().nlmsg_seq = ++sequence_;
  }
  const int send_error = Send(requests);
  for (NetlinkAnswer& answer : answers) {
    answer.error_number = send_error != 0 ? send_error : EBADMSG;  // until it is heard
  }
  size_t outstanding = send_error != 0 ? 0 : requests.size();
  while (outstanding > 0) {
    absl::Span<const char> datagram;
    const auto outcome = ReceiveOrWait(datagram);
    if (!outcome.ok() || *outcome == ReceiveOutcome::kOverrun) {
      return;
    }
    ForEachMessage(datagram, [&](const nlmsghdr& message) {
      const uint32_t index = message.nlmsg_seq - first;
      if (index >= requests.size() || answers[index].error_number != EBADMSG) {
        return;
      }
      if (message.nlmsg_type == NLMSG_ERROR) {
        answers[index] = ReadAnswer(message);
        --outstanding;
      } else {
        on_reply(message);
      }
    });
  }
}

absl::Status NetlinkSocket::Dump(NetlinkMessage& request, absl::string_view what,
                                 absl::FunctionRef<void()> on_begin, MessageVisitor on_message) {
  for (int attempt = 0; attempt < kDumpTries; ++attempt) {
    bool interrupted = false;
    on_begin();
    RETURN_IF_ERROR(DumpOnce(request, what, on_message, interrupted));
    if (!interrupted) {
      return absl::OkStatus();
    }
  }
  return absl::AbortedError(absl::StrCat(what, ": changed under the hands ", kDumpTries,
                                         " times in a row; try again when it is calmer"));
}

absl::Status NetlinkSocket::DumpOnce(NetlinkMessage& request, absl::string_view what,
                                     MessageVisitor on_message, bool& interrupted) {
  request.header().nlmsg_flags |= NLM_F_DUMP;
  request.header().nlmsg_seq = ++sequence_;
  NetlinkAnswer end{Send(absl::MakeSpan(&request, 1)), ""};
  bool done = !end.ok();
  // Read to the end even if it was interrupted: the kernel serves one dump at a time per socket.
  while (!done) {
    absl::Span<const char> datagram;
    auto outcome = ReceiveOrWait(datagram);
    if (!outcome.ok()) {
      return Annotate(outcome.status(), what);
    }
    if (*outcome == ReceiveOutcome::kOverrun) {
      interrupted = true;
      continue;
    }
    ForEachMessage(datagram, [&](const nlmsghdr& message) {
      if (message.nlmsg_seq != sequence_ || done) {
        return;
      }
      interrupted = interrupted || (message.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      if (message.nlmsg_type == NLMSG_ERROR || message.nlmsg_type == NLMSG_DONE) {
        end = ReadAnswer(message);
        done = true;
      } else {
        on_message(message);
      }
    });
  }
  if (end.error_number == EBUSY) {  // an earlier dump was given up and is still running out
    interrupted = true;
    return absl::OkStatus();
  }
  return end.ToStatus(what);
}

absl::StatusOr<ReceiveOutcome> NetlinkSocket::ReceiveOrWait(absl::Span<const char>& datagram) {
  for (;;) {
    ASSIGN_OR_RETURN(const ReceiveOutcome outcome,
                     ReceiveDatagram(port_.fd.get(), buffer_, datagram));
    if (outcome != ReceiveOutcome::kNothing) {
      return outcome;
    }
    RETURN_IF_ERROR(WaitReadable(port_.fd.get(), kAnswerTimeoutMs));
  }
}

// Returns 0 or a positive errno.
int NetlinkSocket::Send(absl::Span<NetlinkMessage> requests) const {
  std::array<iovec, kBatch> parts{};
  for (size_t i = 0; i < requests.size(); ++i) {
    if (requests[i].overflowed()) {
      return EMSGSIZE;
    }
    parts[i] = {&requests[i].header(), requests[i].size()};
  }
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  msghdr message{};
  message.msg_name = &kernel;
  message.msg_namelen = sizeof(kernel);
  message.msg_iov = parts.data();
  message.msg_iovlen = requests.size();
  ssize_t sent = 0;
  do {
    sent = sendmsg(port_.fd.get(), &message, 0);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? errno : 0;
}

}  // namespace stronghost
