#include "tests/lib/rtnl.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost::lab {
namespace {

using Buffer = std::array<char, 32768>;

nlmsghdr* StartLink(Buffer& buffer, uint16_t type, uint16_t flags, int index) {
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  auto* body = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
  body->ifi_family = AF_UNSPEC;
  body->ifi_index = index;
  return message;
}

// Visits nested attributes; libmnl's own macros don't compile without old-style casts.
template <typename Visit>
void ForEach(const nlattr* nest, Visit&& visit) {
  const auto* attribute = static_cast<const nlattr*>(mnl_attr_get_payload(nest));
  int left = mnl_attr_get_payload_len(nest);
  while (mnl_attr_ok(attribute, left)) {
    visit(attribute);
    left -= static_cast<int>(MNL_ALIGN(attribute->nla_len));
    attribute = mnl_attr_next(attribute);
  }
}

void ReadPortState(const nlattr* link_info, LinkState& link) {
  ForEach(link_info, [&](const nlattr* info) {
    if (mnl_attr_get_type(info) != IFLA_INFO_SLAVE_DATA) {
      return;
    }
    ForEach(info, [&](const nlattr* port) {
      if (mnl_attr_get_type(port) == IFLA_BRPORT_STATE) {
        link.forwarding = mnl_attr_get_u8(port) == BR_STATE_FORWARDING;
      }
    });
  });
}

struct LinkReader {
  LinkState link;

  int Take(const nlattr* attribute) {
    switch (mnl_attr_get_type(attribute)) {
      case IFLA_IFNAME:
        link.name = mnl_attr_get_str(attribute);
        break;
      case IFLA_ADDRESS:
        if (mnl_attr_get_payload_len(attribute) == link.mac.bytes.size()) {
          std::memcpy(link.mac.bytes.data(), mnl_attr_get_payload(attribute),
                      link.mac.bytes.size());
        }
        break;
      case IFLA_CARRIER:
        link.carrier = mnl_attr_get_u8(attribute) != 0;
        break;
      case IFLA_OPERSTATE:
        link.oper_up = mnl_attr_get_u8(attribute) == IF_OPER_UP ||
                       mnl_attr_get_u8(attribute) == IF_OPER_UNKNOWN;
        break;
      case IFLA_MASTER:
        link.master = static_cast<int>(mnl_attr_get_u32(attribute));
        break;
      case IFLA_LINKINFO:
        ReadPortState(attribute, link);
        break;
      default:
        break;
    }
    return MNL_CB_OK;
  }
};

int OnLink(const nlmsghdr* message, void* data) {
  const auto* body = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
  LinkReader reader;
  reader.link.index = body->ifi_index;
  reader.link.admin_up = (body->ifi_flags & IFF_UP) != 0;
  const auto on_attribute = [](const nlattr* attribute, void* context) {
    return static_cast<LinkReader*>(context)->Take(attribute);
  };
  mnl_attr_parse(message, sizeof(*body), on_attribute, &reader);
  static_cast<std::vector<LinkState>*>(data)->push_back(std::move(reader.link));
  return MNL_CB_OK;
}

int OnAddress(const nlmsghdr* message, void* data) {
  const auto* body = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(message));
  if ((body->ifa_flags & IFA_F_TENTATIVE) != 0) {
    ++*static_cast<int*>(data);
  }
  return MNL_CB_OK;
}

}  // namespace

absl::StatusOr<Rtnl> Rtnl::Open(const NetNs& netns) {
  ASSIGN_OR_RETURN(UniqueFd fd, netns.Socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
  return Rtnl(std::move(fd));
}

absl::Status Rtnl::Talk(nlmsghdr* request, int (*callback)(const nlmsghdr*, void*), void* data) {
  request->nlmsg_seq = ++sequence_;
  if (send(fd_.get(), request, request->nlmsg_len, 0) < 0) {
    return ErrnoError(errno, "send to rtnetlink");
  }
  Buffer buffer;
  while (true) {
    const ssize_t length = recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (length < 0) {
      return ErrnoError(errno, "receive from rtnetlink");
    }
    const int result =
        mnl_cb_run(buffer.data(), static_cast<size_t>(length), sequence_, 0, callback, data);
    if (result < 0) {
      return ErrnoError(errno, "rtnetlink refused");
    }
    if (result == MNL_CB_STOP) {
      return absl::OkStatus();
    }
  }
}

absl::Status Rtnl::SetUp(int index, bool up) {
  Buffer buffer;
  nlmsghdr* message = StartLink(buffer, RTM_NEWLINK, NLM_F_ACK, index);
  auto* body = static_cast<ifinfomsg*>(mnl_nlmsg_get_payload(message));
  body->ifi_change = IFF_UP;
  body->ifi_flags = up ? static_cast<unsigned>(IFF_UP) : 0U;
  return Annotate(Talk(message, nullptr, nullptr),
                  absl::StrCat("set interface ", index, up ? " up" : " down"));
}

absl::Status Rtnl::SetMaster(int index, int master) {
  Buffer buffer;
  nlmsghdr* message = StartLink(buffer, RTM_NEWLINK, NLM_F_ACK, index);
  mnl_attr_put_u32(message, IFLA_MASTER, static_cast<uint32_t>(master));
  return Annotate(Talk(message, nullptr, nullptr),
                  absl::StrCat("set master of interface ", index, " to ", master));
}

absl::Status Rtnl::SetMac(int index, const MacAddress& mac) {
  Buffer buffer;
  nlmsghdr* message = StartLink(buffer, RTM_NEWLINK, NLM_F_ACK, index);
  mnl_attr_put(message, IFLA_ADDRESS, mac.bytes.size(), mac.bytes.data());
  return Annotate(Talk(message, nullptr, nullptr),
                  absl::StrCat("set MAC of interface ", index, " to ", mac.ToString()));
}

absl::Status Rtnl::Delete(int index) {
  Buffer buffer;
  return Annotate(Talk(StartLink(buffer, RTM_DELLINK, NLM_F_ACK, index), nullptr, nullptr),
                  absl::StrCat("delete interface ", index));
}

absl::StatusOr<std::vector<LinkState>> Rtnl::Links() {
  Buffer buffer;
  std::vector<LinkState> links;
  RETURN_IF_ERROR(Annotate(Talk(StartLink(buffer, RTM_GETLINK, NLM_F_DUMP, 0), OnLink, &links),
                           "list interfaces"));
  return links;
}

absl::StatusOr<LinkState> Rtnl::Link(int index) {
  Buffer buffer;
  std::vector<LinkState> links;
  RETURN_IF_ERROR(Annotate(Talk(StartLink(buffer, RTM_GETLINK, NLM_F_ACK, index), OnLink, &links),
                           absl::StrCat("read interface ", index)));
  if (links.empty()) {
    return absl::NotFoundError(absl::StrCat("no interface ", index));
  }
  return links.front();
}

absl::StatusOr<int> Rtnl::TentativeAddresses() {
  Buffer buffer;
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = RTM_GETADDR;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* body = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
  body->ifa_family = AF_INET6;
  int count = 0;
  RETURN_IF_ERROR(Annotate(Talk(message, OnAddress, &count), "list IPv6 addresses"));
  return count;
}

}  // namespace stronghost::lab
