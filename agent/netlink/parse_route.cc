#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstddef>

#include "agent/netlink/message.h"
#include "agent/netlink/parse.h"

namespace stronghost {
namespace {

constexpr uint16_t kRtaPref = 20;         // RTA_PREF: Linux 4.1
constexpr uint32_t kNextHopFlags = 0xff;  // RTNH_F_*; the rest of rtm_flags are RTM_F_*

// The two bits of RFC 4191 section 2.1; the reserved value counts as medium.
int8_t RankOf(uint8_t preference) {
  constexpr uint8_t kHigh = 1;
  constexpr uint8_t kLow = 3;
  if (preference == kHigh) {
    return -1;
  }
  return preference == kLow ? 1 : 0;
}

// RTA_VIA: the family of the gateway differs from the route's (RFC 5549).
bool ReadVia(absl::Span<const char> payload, IpAddress& gateway) {
  uint16_t family = 0;
  return ReadValue(payload, family) && ReadIp(payload.subspan(sizeof(family)), family, gateway);
}

// The hops of RTA_MULTIPATH: struct rtnexthop, each with attributes of its own.
bool ReadHops(absl::Span<const char> bytes, int family, const RouteFact& common,
              std::vector<RouteFact>& routes) {
  while (bytes.size() >= sizeof(rtnexthop)) {
    const void* start = bytes.data();
    const auto* hop = static_cast<const rtnexthop*>(start);
    if (hop->rtnh_len < sizeof(rtnexthop) || hop->rtnh_len > bytes.size() ||
        hop->rtnh_ifindex <= 0) {
      return false;
    }
    RouteFact route = common;
    route.link = IfIndex{static_cast<uint32_t>(hop->rtnh_ifindex)};
    route.flags = hop->rtnh_flags;
    route.multipath = true;
    bool good = true;
    const auto read = [&](uint16_t type, absl::Span<const char> payload) {
      if (type == RTA_GATEWAY) {
        good = ReadIp(payload, family, route.gateway.emplace()) && good;
      } else if (type == RTA_VIA) {
        good = ReadVia(payload, route.gateway.emplace()) && good;
      }
    };
    good = ForEachAttribute(bytes.subspan(sizeof(rtnexthop), hop->rtnh_len - sizeof(rtnexthop)),
                            read) &&
           good;
    if (!good) {
      return false;
    }
    routes.push_back(route);
    bytes.remove_prefix(std::min(bytes.size(), size_t{RTA_ALIGN(size_t{hop->rtnh_len})}));
  }
  return bytes.empty();
}

}  // namespace

std::vector<RouteFact> ParseRoutes(const nlmsghdr& message) {
  const auto* header = FamilyHeader<rtmsg>(message);
  if ((message.nlmsg_type != RTM_NEWROUTE && message.nlmsg_type != RTM_DELROUTE) ||
      header == nullptr || (header->rtm_family != AF_INET && header->rtm_family != AF_INET6) ||
      header->rtm_type != RTN_UNICAST || (header->rtm_flags & RTM_F_CLONED) != 0 ||
      header->rtm_src_len != 0 || header->rtm_tos != 0) {
    return {};
  }
  const int family = header->rtm_family;
  RouteFact route;
  constexpr std::array<uint8_t, 16> kZeros{};
  route.destination.address = family == AF_INET ? IpAddress::FromBytes4(kZeros.data())
                                                : IpAddress::FromBytes16(kZeros.data());
  route.destination.length = header->rtm_dst_len;
  route.table = header->rtm_table;
  route.protocol = header->rtm_protocol;
  route.scope = header->rtm_scope;
  route.flags = header->rtm_flags & kNextHopFlags;
  absl::Span<const char> hops;
  bool good = true;
  uint32_t link = 0;
  uint8_t preference = 0;
  const auto read = [&](uint16_t type, absl::Span<const char> payload) {
    switch (type) {
      case RTA_DST:
        good = ReadIp(payload, family, route.destination.address) && good;
        break;
      case RTA_TABLE:
        good = ReadValue(payload, route.table) && good;
        break;
      case RTA_OIF:
        good = ReadValue(payload, link) && good;
        break;
      case RTA_GATEWAY:
        good = ReadIp(payload, family, route.gateway.emplace()) && good;
        break;
      case RTA_VIA:
        good = ReadVia(payload, route.gateway.emplace()) && good;
        break;
      case RTA_PREFSRC:
        good = ReadIp(payload, family, route.source.emplace()) && good;
        break;
      case RTA_PRIORITY:
        good = ReadValue(payload, route.metric) && good;
        break;
      case kRtaPref:
        good = ReadValue(payload, preference) && good;
        break;
      case RTA_MULTIPATH:
        hops = payload;
        break;
      default:
        break;
    }
  };
  good = ForEachAttribute(AttributeBytes(message, sizeof(*header)), read) && good;
  if (!good || route.destination.length > route.destination.address.max_length()) {
    return {};
  }
  route.preference = RankOf(preference);
  std::vector<RouteFact> routes;
  if (!hops.empty()) {
    return ReadHops(hops, family, route, routes) ? routes : std::vector<RouteFact>{};
  }
  route.link = IfIndex{link};
  if (link != 0) {
    routes.push_back(route);
  }
  return routes;
}

}  // namespace stronghost
