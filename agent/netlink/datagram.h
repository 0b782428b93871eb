// The lowest layer of netlink: opening a NETLINK_ROUTE socket and taking datagrams from it.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "agent/base/unique_fd.h"

namespace stronghost {

struct NetlinkOptions {
  int receive_buffer = 4 << 20;  // bytes; the kernel doubles it. Charged only while in use.
  std::vector<uint32_t> groups;  // RTNLGRP_* to listen to
};

struct NetlinkPort {
  UniqueFd fd;
  uint32_t id = 0;  // the kernel's number for this socket (netlink(7): nl_pid), from getsockname()
};

// Opens a socket in the network namespace of the calling thread: close-on-exec, non-blocking, with
// extended error texts and strict checking of requests where the kernel has them. The receive
// buffer goes past rmem_max with CAP_NET_ADMIN, else up to it.
absl::StatusOr<NetlinkPort> OpenNetlink(const NetlinkOptions& options);

enum class ReceiveOutcome {
  kDatagram,
  kNothing,  // nothing there now
  kOverrun,  // ENOBUFS: the kernel dropped something that was meant for this socket
};

// Takes one datagram of the kernel's. Those of other senders are dropped unseen. `buffer` grows as
// needed, nothing is ever cut off; `datagram` is the part of it that was filled.
absl::StatusOr<ReceiveOutcome> ReceiveDatagram(int fd, std::vector<char>& buffer,
                                               absl::Span<const char>& datagram);

// Waits until the socket is readable. Deadline exceeded after `timeout_ms`.
absl::Status WaitReadable(int fd, int timeout_ms);

}  // namespace stronghost
