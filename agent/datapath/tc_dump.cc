#include "agent/datapath/tc_dump.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost {
namespace {

constexpr int kAttempts = 5;

struct CloseSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};
using Socket = std::unique_ptr<mnl_socket, CloseSocket>;

using OnMessage = std::function<void(const nlmsghdr*)>;

int CallOnMessage(const nlmsghdr* message, void* data) {
  (*static_cast<const OnMessage*>(data))(message);
  return MNL_CB_OK;
}

// One dump of tc objects. EINTR: the list changed meanwhile.
int Dump(mnl_socket* socket, uint16_t type, IfIndex link, uint32_t parent, OnMessage on_message) {
  std::array<char, 32768> buffer{};
  nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = type;
  request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request->nlmsg_seq = 1;
  auto* tc = static_cast<tcmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(tcmsg)));
  tc->tcm_family = AF_UNSPEC;
  tc->tcm_ifindex = static_cast<int>(ToInt(link));
  tc->tcm_parent = parent;
  if (mnl_socket_sendto(socket, request, request->nlmsg_len) < 0) {
    return errno;
  }
  for (;;) {
    const ssize_t length = mnl_socket_recvfrom(socket, buffer.data(), buffer.size());
    if (length < 0) {
      return errno;
    }
    const int more = mnl_cb_run(buffer.data(), static_cast<size_t>(length), 1,
                                mnl_socket_get_portid(socket), CallOnMessage, &on_message);
    if (more <= MNL_CB_STOP) {
      return more == MNL_CB_STOP ? 0 : errno;
    }
  }
}

absl::Status DumpUntilWhole(uint16_t type, IfIndex link, uint32_t parent,
                            const std::function<void()>& start, const OnMessage& on_message) {
  int error = 0;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const Socket socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
    if (socket == nullptr || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) != 0) {
      return ErrnoError(errno, "open a netlink socket");
    }
    start();
    error = Dump(socket.get(), type, link, parent, on_message);
    if (error == 0) {
      return absl::OkStatus();
    }
    if (error != EINTR) {
      break;
    }
  }
  return ErrnoError(error, absl::StrCat("list the tc filters of interface ", ToInt(link)));
}

// The attributes of one message or nest, by type; types beyond the table are of no interest.
using Attributes = std::array<const nlattr*, TCA_BPF_MAX + TCA_MAX>;

int KeepAttribute(const nlattr* attribute, void* table) {
  const uint16_t type = mnl_attr_get_type(attribute);
  if (type < std::tuple_size_v<Attributes>) {
    static_cast<Attributes*>(table)->at(type) = attribute;
  }
  return MNL_CB_OK;
}

std::string Text(const nlattr* attribute) {
  return attribute == nullptr ? "" : mnl_attr_get_str(attribute);
}

uint32_t Number(const nlattr* attribute) {
  return attribute == nullptr ? 0 : mnl_attr_get_u32(attribute);
}

TcFilter ReadFilter(const nlmsghdr* message) {
  const auto* tc = static_cast<const tcmsg*>(mnl_nlmsg_get_payload(message));
  Attributes attributes{};
  mnl_attr_parse(message, sizeof(tcmsg), KeepAttribute, &attributes);
  TcFilter filter{.priority = tc->tcm_info >> 16,
                  .protocol = ntohs(static_cast<uint16_t>(tc->tcm_info & 0xffff)),
                  .chain = Number(attributes[TCA_CHAIN]),
                  .handle = tc->tcm_handle,
                  .kind = Text(attributes[TCA_KIND])};
  if (filter.kind == "bpf" && attributes[TCA_OPTIONS] != nullptr) {
    Attributes options{};
    mnl_attr_parse_nested(attributes[TCA_OPTIONS], KeepAttribute, &options);
    filter.name = Text(options[TCA_BPF_NAME]);
    filter.program_id = Number(options[TCA_BPF_ID]);
  }
  return filter;
}

}  // namespace

absl::StatusOr<std::vector<TcFilter>> ListFilters(IfIndex link, TcDirection direction) {
  const uint32_t parent = TC_H_MAKE(
      TC_H_CLSACT, direction == TcDirection::kIngress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
  std::vector<TcFilter> filters;
  RETURN_IF_ERROR(DumpUntilWhole(
      RTM_GETTFILTER, link, parent, [&] { filters.clear(); },
      [&](const nlmsghdr* message) {
        TcFilter filter = ReadFilter(message);
        // A priority without a filter of its own is listed as well, with handle 0.
        if (message->nlmsg_type == RTM_NEWTFILTER && filter.handle != 0) {
          filters.push_back(std::move(filter));
        }
      }));
  return filters;
}

absl::StatusOr<std::string> IngressQdisc(IfIndex link) {
  std::string kind;
  RETURN_IF_ERROR(DumpUntilWhole(
      RTM_GETQDISC, link, 0, [&] { kind.clear(); },
      [&](const nlmsghdr* message) {
        const auto* tc = static_cast<const tcmsg*>(mnl_nlmsg_get_payload(message));
        if (tc->tcm_ifindex == static_cast<int>(ToInt(link)) && tc->tcm_parent == TC_H_CLSACT) {
          kind = ReadFilter(message).kind;
        }
      }));
  return kind;
}

}  // namespace stronghost
