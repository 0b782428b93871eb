#include "agent/netlink/canonical.h"

#include <linux/rtnetlink.h>

namespace stronghost {

RouteFact CanonicalRoute(RouteFact route) {
  constexpr uint32_t kIpv6DefaultMetric = 1024;
  route.destination = route.destination.Network();
  route.table = route.table == 0 ? uint32_t{RT_TABLE_MAIN} : route.table;
  route.multipath = false;
  route.preference = 0;
  route.flags &= route.gateway.has_value() ? uint32_t{RTNH_F_ONLINK} : 0U;
  if (route.destination.address.IsV6()) {
    route.metric = route.metric == 0 ? kIpv6DefaultMetric : route.metric;
    route.scope = RT_SCOPE_UNIVERSE;
  } else if (route.scope == RT_SCOPE_UNIVERSE && !route.gateway.has_value()) {
    route.scope = RT_SCOPE_LINK;
  }
  return route;
}

RuleFact CanonicalRule(RuleFact rule) {
  rule.table = rule.table == 0 ? uint32_t{RT_TABLE_MAIN} : rule.table;
  if (rule.from.has_value()) {
    rule.family = rule.from->address.family();
    rule.from = rule.from->Network();
    if (rule.from->length == 0) {
      rule.from.reset();
    }
  }
  return rule;
}

}  // namespace stronghost
