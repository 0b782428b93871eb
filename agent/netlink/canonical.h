// One spelling for routes and rules: the kernel fills in defaults and echoes them back, so that
// what was asked for and what is there compare equal only after this.
#pragma once

#include "agent/decide/facts.h"

namespace stronghost {

// Clears host bits of the destination; table 0 becomes main; of the flags only RTNH_F_ONLINK stays,
// and only with a gateway. IPv6: metric 0 becomes 1024 (IP6_RT_PRIO_USER), scope is always 0.
// IPv4: a route without gateway whose scope is 0 gets RT_SCOPE_LINK, as ip-route(8) does.
RouteFact CanonicalRoute(RouteFact route);

// Clears host bits of `from`; length 0 becomes "no selector"; the family follows `from`; table 0
// becomes main.
RuleFact CanonicalRule(RuleFact rule);

}  // namespace stronghost
