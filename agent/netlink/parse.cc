#include "agent/netlink/parse.h"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <utility>

#include "agent/base/clock.h"
#include "agent/netlink/message.h"

namespace stronghost {
namespace {

constexpr uint16_t kIfaProto = 11;  // IFA_PROTO: Linux 5.18

bool HasType(const nlmsghdr& message, uint16_t add, uint16_t remove) {
  return message.nlmsg_type == add || message.nlmsg_type == remove;
}

bool ReadIndex(absl::Span<const char> payload, IfIndex& index) {
  uint32_t value = 0;
  const bool good = ReadValue(payload, value);
  index = IfIndex{value};
  return good;
}

absl::Time Deadline(uint32_t seconds) {
  constexpr uint32_t kForGood = 0xffffffff;  // INFINITY_LIFE_TIME
  return seconds == kForGood ? absl::InfiniteFuture()
                             : absl::FromUnixSeconds(absl::ToUnixSeconds(MonotonicNow()) + seconds);
}

// Pairs name each other in IFLA_LINK; neither sits on the other.
bool IsPair(const std::string& kind) {
  return kind == "veth" || kind == "netkit" || kind == "vxcan";
}

bool ReadKind(absl::Span<const char> link_info, std::string& kind) {
  return ForEachAttribute(link_info, [&kind](uint16_t type, absl::Span<const char> payload) {
    if (type == IFLA_INFO_KIND) {
      kind = ReadString(payload);
    }
  });
}

}  // namespace

std::optional<LinkFact> ParseLink(const nlmsghdr& message) {
  const auto* header = FamilyHeader<ifinfomsg>(message);
  if (!HasType(message, RTM_NEWLINK, RTM_DELLINK) || header == nullptr ||
      header->ifi_family != AF_UNSPEC || header->ifi_index <= 0) {
    return std::nullopt;
  }
  LinkFact link;
  link.index = IfIndex{static_cast<uint32_t>(header->ifi_index)};
  link.admin_up = (header->ifi_flags & IFF_UP) != 0;
  bool good = true;
  bool complete = false;
  bool parent_elsewhere = false;
  const auto read = [&](uint16_t type, absl::Span<const char> payload) {
    uint8_t carrier = 0;
    switch (type) {
      case IFLA_IFNAME:
        link.name = ReadString(payload);
        break;
      case IFLA_ADDRESS:  // other lengths belong to tunnels and the like
        if (payload.size() == link.mac.bytes.size()) {
          good = ReadValue(payload, link.mac.bytes) && good;
        }
        break;
      case IFLA_CARRIER:
        good = ReadValue(payload, carrier) && good;
        link.carrier = carrier != 0;
        complete = true;
        break;
      case IFLA_MTU:
        good = ReadValue(payload, link.mtu) && good;
        break;
      case IFLA_MASTER:
        good = ReadIndex(payload, link.master) && good;
        break;
      case IFLA_LINK:
        good = ReadIndex(payload, link.parent) && good;
        break;
      case IFLA_LINK_NETNSID:
        parent_elsewhere = true;
        break;
      case IFLA_GROUP:
        good = ReadValue(payload, link.ifgroup) && good;
        break;
      case IFLA_LINKINFO:
        good = ReadKind(payload, link.kind) && good;
        break;
      default:
        break;
    }
  };
  good = ForEachAttribute(AttributeBytes(message, sizeof(*header)), read) && good;
  if (!good || !complete || link.name.empty()) {
    return std::nullopt;
  }
  if (parent_elsewhere || link.parent == link.index || IsPair(link.kind)) {
    link.parent = IfIndex::kNone;
  }
  return link;
}

std::optional<AddressFact> ParseAddress(const nlmsghdr& message) {
  const auto* header = FamilyHeader<ifaddrmsg>(message);
  if (!HasType(message, RTM_NEWADDR, RTM_DELADDR) || header == nullptr || header->ifa_index == 0) {
    return std::nullopt;
  }
  AddressFact fact;
  fact.link = IfIndex{header->ifa_index};
  fact.flags = header->ifa_flags;
  fact.scope = header->ifa_scope;
  std::optional<IpAddress> local;
  std::optional<IpAddress> address;
  bool good = true;
  const auto read = [&](uint16_t type, absl::Span<const char> payload) {
    switch (type) {
      case IFA_LOCAL:
        good = ReadIp(payload, header->ifa_family, local.emplace()) && good;
        break;
      case IFA_ADDRESS:  // the peer's where there is an IFA_LOCAL; IPv6 has only this one otherwise
        good = ReadIp(payload, header->ifa_family, address.emplace()) && good;
        break;
      case IFA_FLAGS:
        good = ReadValue(payload, fact.flags) && good;
        break;
      case kIfaProto:
        good = ReadValue(payload, fact.protocol) && good;
        break;
      case IFA_RT_PRIORITY:
        good = ReadValue(payload, fact.metric) && good;
        break;
      case IFA_BROADCAST:
        good = ReadIp(payload, header->ifa_family, fact.broadcast) && good;
        break;
      case IFA_LABEL:
        fact.label = ReadString(payload);
        break;
      case IFA_CACHEINFO: {
        ifa_cacheinfo info{};
        good = ReadValue(payload, info) && good;
        fact.valid_until = Deadline(info.ifa_valid);
        fact.preferred_until = Deadline(info.ifa_prefered);
        break;
      }
      default:
        break;
    }
  };
  good = ForEachAttribute(AttributeBytes(message, sizeof(*header)), read) && good;
  if (!good || (!local.has_value() && !address.has_value())) {
    return std::nullopt;
  }
  fact.ip = {local.has_value() ? *local : *address, header->ifa_prefixlen};
  if (address.has_value() && *address != fact.ip.address) {
    fact.peer = *address;
  }
  // The label of an address without an alias is the NIC's name.
  if (fact.label.find(':') == std::string::npos) {
    fact.label.clear();
  }
  if (fact.ip.length > fact.ip.address.max_length()) {
    return std::nullopt;
  }
  return fact;
}

std::optional<RuleFact> ParseRule(const nlmsghdr& message) {
  const auto* header = FamilyHeader<fib_rule_hdr>(message);
  if (!HasType(message, RTM_NEWRULE, RTM_DELRULE) || header == nullptr ||
      (header->family != AF_INET && header->family != AF_INET6) ||
      header->action != FR_ACT_TO_TBL || (header->flags & FIB_RULE_INVERT) != 0 ||
      header->tos != 0 || header->dst_len != 0) {
    return std::nullopt;
  }
  constexpr uint32_t kNone = 0xffffffff;  // the kernel's "no suppressor"
  RuleFact rule;
  rule.family = header->family;
  rule.table = header->table;
  bool good = true;
  uint8_t byte = 0;
  uint32_t word = 0;
  const auto read = [&](uint16_t type, absl::Span<const char> payload) {
    switch (type) {
      case FRA_SRC:
        good = ReadIp(payload, rule.family, rule.from.emplace().address) && good;
        break;
      case FRA_PRIORITY:
        good = ReadValue(payload, rule.priority) && good;
        break;
      case FRA_TABLE:
        good = ReadValue(payload, rule.table) && good;
        break;
      case FRA_SUPPRESS_PREFIXLEN:
        good = ReadValue(payload, word) && good;
        rule.suppress_prefix_length = word == kNone ? std::nullopt : std::optional(word);
        break;
      case FRA_SUPPRESS_IFGROUP:
        good = ReadValue(payload, word) && good;
        rule.suppress_ifgroup = word == kNone ? std::nullopt : std::optional(word);
        break;
      case FRA_PROTOCOL:
        good = ReadValue(payload, rule.protocol) && good;
        break;
      case FRA_FWMARK:
        good = ReadValue(payload, rule.mark) && good;
        break;
      case FRA_FWMASK:
        good = ReadValue(payload, rule.mark_mask) && good;
        break;
      case FRA_PAD:
        break;
      case FRA_L3MDEV:
      case FRA_IP_PROTO:  // present with value 0 they select nothing
        good = ReadValue(payload, byte) && byte == 0 && good;
        break;
      default:  // any other selector, today's or a later kernel's
        good = false;
    }
  };
  good = ForEachAttribute(AttributeBytes(message, sizeof(*header)), read) && good;
  if (!good || (header->src_len != 0) != rule.from.has_value()) {
    return std::nullopt;
  }
  if (rule.from.has_value()) {
    rule.from->length = header->src_len;
    if (rule.from->length > rule.from->address.max_length()) {
      return std::nullopt;
    }
  }
  return rule;
}

std::optional<FilterEntry> ParseFilter(const nlmsghdr& message) {
  const auto* header = FamilyHeader<ndmsg>(message);
  if (!HasType(message, RTM_NEWNEIGH, RTM_DELNEIGH) || header == nullptr ||
      header->ndm_family != AF_BRIDGE || (header->ndm_flags & NTF_SELF) == 0 ||
      header->ndm_ifindex <= 0) {
    return std::nullopt;
  }
  FilterEntry entry;
  entry.link = IfIndex{static_cast<uint32_t>(header->ndm_ifindex)};
  bool found = false;
  const auto read = [&](uint16_t type, absl::Span<const char> payload) {
    if (type == NDA_LLADDR && payload.size() == entry.mac.bytes.size()) {
      found = ReadValue(payload, entry.mac.bytes);
    }
  };
  const bool good = ForEachAttribute(AttributeBytes(message, sizeof(*header)), read);
  return good && found ? std::optional(entry) : std::nullopt;
}

std::optional<NeighborFact> ParseNeighbor(const nlmsghdr& message) {
  const auto* header = FamilyHeader<ndmsg>(message);
  if (!HasType(message, RTM_NEWNEIGH, RTM_DELNEIGH) || header == nullptr ||
      (header->ndm_family != AF_INET && header->ndm_family != AF_INET6) ||
      header->ndm_ifindex <= 0) {
    return std::nullopt;
  }
  NeighborFact fact{.link = IfIndex{static_cast<uint32_t>(header->ndm_ifindex)},
                    .state = header->ndm_state};
  bool found = false;
  const auto read = [&](uint16_t type, absl::Span<const char> payload) {
    if (type == NDA_DST) {
      found = ReadIp(payload, header->ndm_family, fact.ip);
    } else if (type == NDA_LLADDR && payload.size() == fact.mac.bytes.size()) {
      static_cast<void>(ReadValue(payload, fact.mac.bytes));
    }
  };
  const bool good = ForEachAttribute(AttributeBytes(message, sizeof(*header)), read);
  return good && found ? std::optional(fact) : std::nullopt;
}

std::optional<LinkState> ParseLinkState(const nlmsghdr& message) {
  const auto* header = FamilyHeader<ifinfomsg>(message);
  if (message.nlmsg_type != RTM_NEWLINK || header == nullptr || header->ifi_index <= 0) {
    return std::nullopt;
  }
  LinkState state{IfIndex{static_cast<uint32_t>(header->ifi_index)},
                  (header->ifi_flags & IFF_UP) != 0, false};
  bool found = false;
  const auto read = [&](uint16_t type, absl::Span<const char> payload) {
    uint8_t carrier = 0;
    if (type == IFLA_CARRIER && ReadValue(payload, carrier)) {
      state.carrier = carrier != 0;
      found = true;
    }
  };
  ForEachAttribute(AttributeBytes(message, sizeof(*header)), read);
  return found ? std::optional(state) : std::nullopt;
}

}  // namespace stronghost
