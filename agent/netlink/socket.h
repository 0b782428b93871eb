// Requests to the kernel's rtnetlink and its answers.
#pragma once

#include <linux/netlink.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "agent/netlink/datagram.h"
#include "agent/netlink/message.h"

namespace stronghost {

// The kernel's verdict on one request.
struct NetlinkAnswer {
  int error_number = 0;  // positive errno; 0: done. EBADMSG: the answer was lost, outcome unknown
  std::string detail;    // extended ACK text, may come with a success as well (a warning)

  [[nodiscard]] bool ok() const { return error_number == 0; }
  // "WHAT: strerror (detail)", with the mend where one is known.
  [[nodiscard]] absl::Status ToStatus(absl::string_view what) const;
};

using MessageVisitor = absl::FunctionRef<void(const nlmsghdr& message)>;

// A NETLINK_ROUTE socket for requests (not for notifications: see observe/monitor.h).
// Threading: one caller at a time. Blocking: rtnetlink works inside send(), so an answer is there
// when send() returns; the wait for it is bounded all the same (5 s per datagram).
// Failure: a lost or late answer never gets mixed up with a later one (sequence numbers).
class NetlinkSocket {
 public:
  // In the network namespace of the calling thread. Needs no privilege; most requests do.
  static absl::StatusOr<NetlinkSocket> Open(const NetlinkOptions& options = {});

  // Sends one request and waits for its acknowledgement. `what` names operation and object for the
  // error message: "add 198.51.100.1/24 to eth0".
  absl::Status Transact(NetlinkMessage& request, absl::string_view what);
  // The same for requests that are answered by data first (RTM_GETLINK, RTM_GETROUTE).
  absl::Status Transact(NetlinkMessage& request, absl::string_view what, MessageVisitor on_reply);

  // Sends many requests, 128 in a system call, in order; a failed one does not stop the others.
  // One answer per request. Their sequence numbers and NLM_F_ACK are set here.
  std::vector<NetlinkAnswer> TransactAll(absl::Span<NetlinkMessage> requests);

  // Asks for a dump (NLM_F_DUMP is set here). A dump that something changed under the hands
  // (NLM_F_DUMP_INTR) is done again: `on_begin` is called before each try, to forget what was seen.
  // Aborted if that happens ten times in a row.
  absl::Status Dump(NetlinkMessage& request, absl::string_view what,
                    absl::FunctionRef<void()> on_begin, MessageVisitor on_message);

  [[nodiscard]] uint32_t port_id() const { return port_.id; }

 private:
  explicit NetlinkSocket(NetlinkPort port) : port_(std::move(port)) {}

  void Exchange(absl::Span<NetlinkMessage> requests, absl::Span<NetlinkAnswer> answers,
                MessageVisitor on_reply);
  absl::Status DumpOnce(NetlinkMessage& request, absl::string_view what, MessageVisitor on_message,
                        bool& interrupted);
  absl::StatusOr<ReceiveOutcome> ReceiveOrWait(absl::Span<const char>& datagram);
  [[nodiscard]] int Send(absl::Span<NetlinkMessage> requests) const;

  NetlinkPort port_;
  uint32_t sequence_ = 0;
  std::vector<char> buffer_;
};

// Dumps into a vector of facts: `parse` is called as parse(message, facts) and appends to it.
template <typename Fact, typename Parse>
absl::StatusOr<std::vector<Fact>> DumpFacts(NetlinkSocket& socket, NetlinkMessage request,
                                            absl::string_view what, Parse parse) {
  std::vector<Fact> facts;
  const absl::Status status = socket.Dump(
      request, what, [&facts] { facts.clear(); },
      [&](const nlmsghdr& message) { parse(message, facts); });
  if (!status.ok()) {
    return status;
  }
  return facts;
}

}  // namespace stronghost
