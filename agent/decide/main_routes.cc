#include "agent/decide/main_routes.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <tuple>

#include "agent/base/ids.h"

namespace stronghost {
namespace {

// By metric, among equals by router preference (RFC 4191); the kernel's order decides the rest.
void SortByPreference(std::vector<RouteFact>& routes) {
  std::stable_sort(routes.begin(), routes.end(), [](const RouteFact& a, const RouteFact& b) {
    return std::tie(a.destination, a.metric, a.preference) <
           std::tie(b.destination, b.metric, b.preference);
  });
}

}  // namespace

bool SameWay(const RouteFact& a, const RouteFact& b) {
  return a.table == b.table && a.destination == b.destination && a.gateway == b.gateway &&
         a.metric == b.metric;
}

MainRoutes::MainRoutes(absl::Span<const RouteFact> there, absl::Span<const RouteFact> coming) {
  for (const RouteFact& route : there) {
    if (route.protocol != kRouteProtocol) {
      Take(route);
    }
  }
  for (const RouteFact& route : coming) {
    Take(route);
  }
  for (auto* routes : {&defaults_, &others_}) {
    for (auto& [link, of_link] : *routes) {
      SortByPreference(of_link);
    }
  }
}

void MainRoutes::Take(const RouteFact& route) {
  const IpAddress& to = route.destination.address;
  if (route.table != RT_TABLE_MAIN) {
    return;
  }
  if (route.destination.length == 0) {
    if (route.gateway.has_value()) {
      defaults_[route.link].push_back(route);
    }
  } else if (!to.IsLinkLocal() && !to.IsMulticast() &&
             (route.gateway.has_value() || route.protocol != RTPROT_KERNEL)) {
    others_[route.link].push_back(route);
  }
}

std::vector<IpAddress> MainRoutes::DefaultGateways(IfIndex link, bool v4) const {
  std::vector<IpAddress> gateways;
  const auto found = defaults_.find(link);
  if (found == defaults_.end()) {
    return gateways;
  }
  for (const RouteFact& route : found->second) {
    if (route.destination.address.IsV4() == v4 &&
        std::find(gateways.begin(), gateways.end(), *route.gateway) == gateways.end()) {
      gateways.push_back(*route.gateway);
    }
  }
  return gateways;
}

absl::Span<const RouteFact> MainRoutes::Others(IfIndex link) const {
  const auto found = others_.find(link);
  return found == others_.end() ? absl::Span<const RouteFact>() : found->second;
}

}  // namespace stronghost
