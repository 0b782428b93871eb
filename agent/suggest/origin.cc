#include "agent/suggest/origin.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/decide/acceptance.h"

namespace stronghost {
namespace {

constexpr uint8_t kIfaProtoRa = 2;  // IFAPROT_KERNEL_RA, Linux 5.18

bool IsLeased(const AddressFact& address) {
  return address.valid_until != absl::InfiniteFuture();
}

// The default route of the same NIC and family says that DHCP was at work.
bool DhcpGaveDefaultRoute(const AddressFact& address, const Facts& facts) {
  return std::any_of(facts.routes.begin(), facts.routes.end(), [&](const RouteFact& route) {
    return route.link == address.link && route.destination.length == 0 &&
           route.protocol == RTPROT_DHCP &&
           (route.source == address.ip.address ||
            (route.gateway.has_value() && address.ip.Contains(*route.gateway)));
  });
}

std::string GiverOf(const AddressFact& address, const Facts& facts) {
  const bool v4 = address.ip.address.IsV4();
  if (!IsLeased(address)) {
    return DhcpGaveDefaultRoute(address, facts) ? "DHCP, without an end" : "static";
  }
  if (v4) {
    return "DHCP";
  }
  if ((address.flags & IFA_F_TEMPORARY) != 0) {
    return "temporary (RFC 8981)";
  }
  if (address.protocol == kIfaProtoRa || (address.flags & IFA_F_MANAGETEMPADDR) != 0) {
    return "router advertisement";
  }
  return address.ip.length == address.ip.address.max_length() ? "DHCPv6"
                                                              : "router advertisement or DHCPv6";
}

}  // namespace

std::string OriginOf(const AddressFact& address, const Facts& facts, absl::Time now) {
  if (IsDuplicate(address)) {
    return "another host has it: duplicate address detection failed";
  }
  if (address.ip.address.IsLinkLocal() && !IsLeased(address)) {
    return "link-local";
  }
  const std::string giver = GiverOf(address, facts);
  if (!IsLeased(address)) {
    return giver;
  }
  const int64_t left = std::max<int64_t>(
      0, absl::ToInt64Seconds(absl::Ceil(address.valid_until - now, absl::Seconds(1))));
  return absl::StrCat(giver, ", ", left, " s left");
}

std::string FollowedSource(const RouteFact& route, const Facts& facts) {
  switch (route.protocol) {
    case RTPROT_DHCP:
      return "DHCP";
    case RTPROT_RA:
    case RTPROT_KERNEL:
      return "router advertisement";
    case RTPROT_UNSPEC:
    case RTPROT_BOOT:
    case RTPROT_STATIC:
      break;
    default:
      return "a routing daemon";
  }
  const bool of_lease = std::any_of(
      facts.addresses.begin(), facts.addresses.end(), [&route](const AddressFact& address) {
        return address.link == route.link && IsLeased(address) && route.gateway.has_value() &&
               address.ip.address.IsV4() == route.gateway->IsV4() &&
               address.ip.Contains(*route.gateway);
      });
  return of_lease ? "DHCP" : "";
}

}  // namespace stronghost
