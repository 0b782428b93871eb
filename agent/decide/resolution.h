// Gateways that the kernel cannot resolve on one NIC (NUD_FAILED). No packet leaves for such a one,
// so that nothing else tells of it (RFC 1122 section 3.3.1.4: advice from the link layer). Pure.
#pragma once

#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "agent/base/net_types.h"

namespace stronghost {

struct Unresolved {
  absl::Time since;
  absl::Time asked;
  absl::Time answered = absl::InfiniteFuture();  // it has a MAC again since then

  [[nodiscard]] bool back() const { return answered != absl::InfiniteFuture(); }
};

// Of one NIC. One that answers again is among them until it has done so for `failback`.
using UnresolvedGateways = absl::btree_map<IpAddress, Unresolved>;

// A gateway in the kernel's cache of that NIC.
struct ResolutionView {
  IpAddress ip;
  bool resolved = false;
  bool failed = false;  // nobody answered a moment ago
};

// One look at all gateways of the NIC. Returns those that the kernel is to ask for now: where
// another gateway took over, nobody else makes it ask. `busy`: the group sends, or tries to.
std::vector<IpAddress> Look(UnresolvedGateways& unresolved,
                            absl::Span<const ResolutionView> gateways, bool busy,
                            absl::Duration failback, absl::Time now);

}  // namespace stronghost
