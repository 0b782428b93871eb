// The ways of table main through each NIC, as far as a home's own table has to have them too: what
// DHCP (classless routes), router advertisements (route information) and people put there. Pure.
#pragma once

#include <vector>

#include "absl/container/btree_map.h"
#include "absl/types/span.h"
#include "agent/base/net_types.h"
#include "agent/decide/facts.h"

namespace stronghost {

// Whether both lead to the same place by the same gateway with the same preference, whichever their
// NICs are.
[[nodiscard]] bool SameWay(const RouteFact& a, const RouteFact& b);

class MainRoutes {
 public:
  MainRoutes() = default;
  // `there`: all routes of the machine. `coming`: those that the agent wants; what it put into
  // table main itself counts only while it is among them.
  MainRoutes(absl::Span<const RouteFact> there, absl::Span<const RouteFact> coming);

  // Of the default routes through the link, the preferred one first, each once.
  [[nodiscard]] std::vector<IpAddress> DefaultGateways(IfIndex link, bool v4) const;

  // The other routes through the link, apart from those that the kernel makes for addresses; of one
  // destination the preferred one first. A hop of a multipath route is a route.
  [[nodiscard]] absl::Span<const RouteFact> Others(IfIndex link) const;

 private:
  void Take(const RouteFact& route);

  absl::btree_map<IfIndex, std::vector<RouteFact>> defaults_;
  absl::btree_map<IfIndex, std::vector<RouteFact>> others_;
};

}  // namespace stronghost
