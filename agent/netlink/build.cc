#include "agent/netlink/build.h"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>

#include "agent/base/clock.h"
#include "agent/netlink/canonical.h"

namespace stronghost {
namespace {

constexpr uint16_t kIfaProto = 11;  // IFA_PROTO: Linux 5.18; older kernels pass over it
constexpr uint32_t kSettableAddressFlags = IFA_F_NODAD | IFA_F_OPTIMISTIC | IFA_F_HOMEADDRESS |
                                           IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE |
                                           IFA_F_MCAUTOJOIN;

// As IFA_CACHEINFO wants them.
uint32_t SecondsLeft(absl::Time until) {
  constexpr uint32_t kForGood = 0xffffffff;  // INFINITY_LIFE_TIME
  if (until == absl::InfiniteFuture()) {
    return kForGood;
  }
  const int64_t left = absl::ToInt64Seconds(until - MonotonicNow());
  return static_cast<uint32_t>(std::clamp<int64_t>(left, 0, kForGood - 1));
}

NetlinkMessage AddressRequest(uint16_t type, uint16_t flags, const AddressFact& address) {
  NetlinkMessage request(type, flags);
  auto& header = request.AddHeader<ifaddrmsg>();
  header.ifa_family = static_cast<uint8_t>(address.ip.address.family());
  header.ifa_prefixlen = static_cast<uint8_t>(address.ip.length);
  header.ifa_scope = address.scope;
  header.ifa_index = ToInt(address.link);
  request.PutIp(IFA_LOCAL, address.ip.address);
  if (address.ip.address.IsV4() || type == RTM_NEWADDR) {
    request.PutIp(IFA_ADDRESS, address.peer.IsUnspecified() ? address.ip.address : address.peer);
  }
  return request;
}

NetlinkMessage RouteRequest(uint16_t type, uint16_t flags, const RouteFact& route) {
  constexpr uint32_t kLargestInHeader = 255;
  NetlinkMessage request(type, flags);
  auto& header = request.AddHeader<rtmsg>();
  const int family = route.destination.address.family();
  header.rtm_family = static_cast<uint8_t>(family);
  header.rtm_dst_len = static_cast<uint8_t>(route.destination.length);
  header.rtm_table = static_cast<uint8_t>(
      route.table <= kLargestInHeader ? route.table : uint32_t{RT_TABLE_UNSPEC});
  header.rtm_protocol = route.protocol;
  header.rtm_scope = route.scope;
  header.rtm_type = RTN_UNICAST;
  header.rtm_flags = route.flags;
  request.PutU32(RTA_TABLE, route.table);
  if (route.destination.length > 0) {
    request.PutIp(RTA_DST, route.destination.address);
  }
  if (route.link != IfIndex::kNone) {
    request.PutU32(RTA_OIF, ToInt(route.link));
  }
  if (route.gateway.has_value() && route.gateway->family() == family) {
    request.PutIp(RTA_GATEWAY, *route.gateway);
  } else if (route.gateway.has_value()) {
    std::array<uint8_t, sizeof(uint16_t) + 16> via{};
    const auto via_family = static_cast<uint16_t>(route.gateway->family());
    const auto size = static_cast<size_t>(route.gateway->size());
    std::memcpy(via.data(), &via_family, sizeof(via_family));
    std::memcpy(via.data() + sizeof(via_family), route.gateway->data(), size);
    request.PutBytes(RTA_VIA, via.data(), sizeof(via_family) + size);
  }
  if (route.source.has_value()) {
    request.PutIp(RTA_PREFSRC, *route.source);
  }
  if (route.metric != 0) {
    request.PutU32(RTA_PRIORITY, route.metric);
  }
  return request;
}

NetlinkMessage RuleRequest(uint16_t type, uint16_t flags, const RuleFact& rule) {
  NetlinkMessage request(type, flags);
  auto& header = request.AddHeader<fib_rule_hdr>();
  header.family = static_cast<uint8_t>(rule.family);
  header.action = FR_ACT_TO_TBL;
  request.PutU32(FRA_TABLE, rule.table);
  request.PutU32(FRA_PRIORITY, rule.priority);
  request.PutU8(FRA_PROTOCOL, rule.protocol);
  if (rule.from.has_value()) {
    header.src_len = static_cast<uint8_t>(rule.from->length);
    request.PutIp(FRA_SRC, rule.from->address);
  }
  if (rule.suppress_prefix_length.has_value()) {
    request.PutU32(FRA_SUPPRESS_PREFIXLEN, *rule.suppress_prefix_length);
  }
  if (rule.suppress_ifgroup.has_value()) {
    request.PutU32(FRA_SUPPRESS_IFGROUP, *rule.suppress_ifgroup);
  }
  if (rule.mark_mask != 0) {
    request.PutU32(FRA_FWMARK, rule.mark);
    request.PutU32(FRA_FWMASK, rule.mark_mask);
  }
  return request;
}

NetlinkMessage FilterRequest(uint16_t type, uint16_t flags, const FilterEntry& entry) {
  NetlinkMessage request(type, flags);
  auto& header = request.AddHeader<ndmsg>();
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = static_cast<int>(ToInt(entry.link));
  header.ndm_state = NUD_PERMANENT;
  header.ndm_flags = NTF_SELF;
  request.PutMac(NDA_LLADDR, entry.mac);
  return request;
}

NetlinkMessage LinkRequest(uint16_t type, IfIndex link) {
  NetlinkMessage request(type, 0);
  request.AddHeader<ifinfomsg>().ifi_index = static_cast<int>(ToInt(link));
  return request;
}

}  // namespace

NetlinkMessage AddAddressRequest(const AddressFact& address) {
  NetlinkMessage request = AddressRequest(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address);
  if (!address.broadcast.IsUnspecified()) {
    request.PutIp(IFA_BROADCAST, address.broadcast);
  }
  if (!address.label.empty()) {
    request.PutBytes(IFA_LABEL, address.label.data(), address.label.size());
  }
  if (address.metric != 0) {
    request.PutU32(IFA_RT_PRIORITY, address.metric);
  }
  request.PutU32(IFA_FLAGS, address.flags & kSettableAddressFlags);
  if (address.valid_until != absl::InfiniteFuture()) {
    const ifa_cacheinfo info{.ifa_prefered = SecondsLeft(address.preferred_until),
                             .ifa_valid = std::max(SecondsLeft(address.valid_until), 1U)};
    request.PutBytes(IFA_CACHEINFO, &info, sizeof(info));
  }
  if (address.protocol != 0) {
    request.PutU8(kIfaProto, address.protocol);
  }
  return request;
}

NetlinkMessage DeleteAddressRequest(const AddressFact& address) {
  return AddressRequest(RTM_DELADDR, 0, address);
}

NetlinkMessage AddRouteRequest(const RouteFact& route, RouteChange change) {
  const uint16_t how = change == RouteChange::kReplace ? NLM_F_REPLACE : NLM_F_EXCL;
  return RouteRequest(RTM_NEWROUTE, static_cast<uint16_t>(NLM_F_CREATE | how),
                      CanonicalRoute(route));
}

NetlinkMessage DeleteRouteRequest(const RouteFact& route) {
  return RouteRequest(RTM_DELROUTE, 0, CanonicalRoute(route));
}

NetlinkMessage AddRuleRequest(const RuleFact& rule) {
  return RuleRequest(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, CanonicalRule(rule));
}

NetlinkMessage DeleteRuleRequest(const RuleFact& rule) {
  return RuleRequest(RTM_DELRULE, 0, CanonicalRule(rule));
}

NetlinkMessage AddFilterRequest(const FilterEntry& entry) {
  return FilterRequest(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, entry);
}

NetlinkMessage DeleteFilterRequest(const FilterEntry& entry) {
  return FilterRequest(RTM_DELNEIGH, 0, entry);
}

NetlinkMessage SetLinkGroupRequest(IfIndex link, uint32_t group) {
  NetlinkMessage request = LinkRequest(RTM_SETLINK, link);
  request.PutU32(IFLA_GROUP, group);
  return request;
}

NetlinkMessage SetLinkUpRequest(IfIndex link, bool up) {
  NetlinkMessage request(RTM_SETLINK, 0);
  auto& header = request.AddHeader<ifinfomsg>();
  header.ifi_index = static_cast<int>(ToInt(link));
  header.ifi_change = IFF_UP;
  header.ifi_flags = up ? uint32_t{IFF_UP} : 0U;
  return request;
}

NetlinkMessage SetNeighborRequest(IfIndex link, const IpAddress& ip, const MacAddress& mac,
                                  uint16_t state) {
  NetlinkMessage request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  auto& header = request.AddHeader<ndmsg>();
  header.ndm_family = static_cast<uint8_t>(ip.family());
  header.ndm_ifindex = static_cast<int>(ToInt(link));
  header.ndm_state = state;
  request.PutIp(NDA_DST, ip);
  request.PutMac(NDA_LLADDR, mac);
  return request;
}

NetlinkMessage AddNeighborRequest(const NeighborFact& neighbor) {
  NetlinkMessage request =
      SetNeighborRequest(neighbor.link, neighbor.ip, neighbor.mac, neighbor.state);
  request.header().nlmsg_flags |= NLM_F_EXCL;
  request.header().nlmsg_flags &= ~NLM_F_REPLACE;
  return request;
}

NetlinkMessage ResolveNeighborRequest(IfIndex link, const IpAddress& ip) {
  NetlinkMessage request(RTM_NEWNEIGH, NLM_F_CREATE);
  auto& header = request.AddHeader<ndmsg>();
  header.ndm_family = static_cast<uint8_t>(ip.family());
  header.ndm_ifindex = static_cast<int>(ToInt(link));
  header.ndm_flags = NTF_USE;
  request.PutIp(NDA_DST, ip);
  return request;
}

NetlinkMessage DumpNeighborsRequest() {
  NetlinkMessage request(RTM_GETNEIGH, 0);
  request.AddHeader<ndmsg>();
  return request;
}

NetlinkMessage GetLinkRequest(IfIndex link) {
  NetlinkMessage request = LinkRequest(RTM_GETLINK, link);
  request.PutU32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return request;
}

NetlinkMessage DumpLinksRequest() {
  return GetLinkRequest(IfIndex::kNone);
}

NetlinkMessage DumpAddressesRequest() {
  NetlinkMessage request(RTM_GETADDR, 0);
  request.AddHeader<ifaddrmsg>();
  return request;
}

NetlinkMessage DumpRoutesRequest(int family) {
  NetlinkMessage request(RTM_GETROUTE, 0);
  auto& header = request.AddHeader<rtmsg>();
  header.rtm_family = static_cast<uint8_t>(family);
  header.rtm_type = RTN_UNICAST;
  return request;
}

NetlinkMessage DumpRulesRequest(int family) {
  NetlinkMessage request(RTM_GETRULE, 0);
  request.AddHeader<fib_rule_hdr>().family = static_cast<uint8_t>(family);
  return request;
}

NetlinkMessage DumpFiltersRequest(IfIndex link) {
  NetlinkMessage request(RTM_GETNEIGH, 0);
  auto& header = request.AddHeader<ndmsg>();
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = static_cast<int>(ToInt(link));
  return request;
}

}  // namespace stronghost
