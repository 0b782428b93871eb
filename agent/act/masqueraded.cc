#include "agent/act/masqueraded.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/btree_set.h"
#include "agent/base/status.h"
#include "agent/netlink/message.h"

namespace stronghost {
namespace {

struct Counter {
  absl::btree_set<IpAddress> addresses;
  absl::btree_map<IpAddress, uint64_t> sessions;
};

// Where the answers of a connection go.
std::optional<IpAddress> ReplyDestination(absl::Span<const char> tuple) {
  std::optional<IpAddress> found;
  const auto read_ends = [&found](uint16_t type, absl::Span<const char> payload) {
    IpAddress address;
    if ((type == CTA_IP_V4_DST && ReadIp(payload, AF_INET, address)) ||
        (type == CTA_IP_V6_DST && ReadIp(payload, AF_INET6, address))) {
      found = address;
    }
  };
  ForEachAttribute(tuple, [&read_ends](uint16_t type, absl::Span<const char> payload) {
    if (type == CTA_TUPLE_IP) {
      ForEachAttribute(payload, read_ends);
    }
  });
  return found;
}

int CountOne(const nlmsghdr* message, void* data) {
  auto* counter = static_cast<Counter*>(data);
  std::optional<IpAddress> destination;
  uint32_t status = 0;
  const auto read = [&](uint16_t type, absl::Span<const char> payload) {
    if (type == CTA_TUPLE_REPLY) {
      destination = ReplyDestination(payload);
    } else if (type == CTA_STATUS && ReadValue(payload, status)) {
      status = ntohl(status);
    }
  };
  ForEachAttribute(AttributeBytes(*message, sizeof(nfgenmsg)), read);
  if ((status & IPS_SRC_NAT) != 0 && destination.has_value() &&
      counter->addresses.contains(*destination)) {
    ++counter->sessions[*destination];
  }
  return MNL_CB_OK;
}

}  // namespace

absl::StatusOr<absl::btree_map<IpAddress, uint64_t>> CountMasqueraded(
    absl::Span<const IpAddress> addresses) {
  Counter counter{.addresses = {addresses.begin(), addresses.end()}, .sessions = {}};
  const std::unique_ptr<mnl_socket, int (*)(mnl_socket*)> socket(
      mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC), mnl_socket_close);
  if (socket == nullptr && errno == EPROTONOSUPPORT) {
    return counter.sessions;
  }
  if (socket == nullptr || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
    return ErrnoError(errno, "open a netfilter socket");
  }
  std::vector<char> buffer(static_cast<size_t>(MNL_SOCKET_BUFFER_SIZE) * 2);
  nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request->nlmsg_seq = 1;
  auto* header = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(nfgenmsg)));
  header->nfgen_family = AF_UNSPEC;
  header->version = NFNETLINK_V0;
  if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0) {
    return ErrnoError(errno, "ask for tracked connections");
  }
  while (true) {
    const ssize_t size = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (size < 0) {
      return ErrnoError(errno, "read tracked connections");
    }
    const int next = mnl_cb_run(buffer.data(), static_cast<size_t>(size), 1,
                                mnl_socket_get_portid(socket.get()), CountOne, &counter);
    if (next < 0 && (errno == EINVAL || errno == EOPNOTSUPP || errno == ENOENT)) {
      return counter.sessions;  // the kernel tracks nothing
    }
    if (next < 0) {
      return ErrnoError(errno, "read tracked connections");
    }
    if (next == MNL_CB_STOP) {
      return counter.sessions;
    }
  }
}

}  // namespace stronghost
