#include "agent/decide/resolution.h"

#include <algorithm>
#include <utility>

#include "agent/decide/gateway_health.h"

namespace stronghost {

std::vector<IpAddress> Look(UnresolvedGateways& unresolved,
                            absl::Span<const ResolutionView> gateways, bool busy,
                            absl::Duration failback, absl::Time now) {
  std::vector<IpAddress> asked;
  const UnresolvedGateways before = std::exchange(unresolved, {});
  for (const ResolutionView& view : gateways) {
    const auto known = before.find(view.ip);
    if (known == before.end() && !view.failed) {
      continue;
    }
    Unresolved entry =
        known != before.end() ? known->second : Unresolved{.since = now, .asked = now};
    if (view.resolved) {
      entry.answered = std::min(entry.answered, now);
      if (entry.answered + failback <= now) {
        continue;
      }
    } else {
      if (entry.back()) {
        entry = {.since = now, .asked = entry.asked};
      }
      if (busy && entry.asked + kSlowProbe <= now) {
        entry.asked = now;
        asked.push_back(view.ip);
      }
    }
    unresolved[view.ip] = entry;
  }
  return asked;
}

}  // namespace stronghost
