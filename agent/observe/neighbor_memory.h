// Who answered on which NIC: the kernel's neighbour caches, and for a moment what it dropped from
// them. A NIC that is removed or set down takes its cache along before anybody can ask for it.
// Pure.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "agent/decide/facts.h"

namespace stronghost {

class NeighborMemory {
 public:
  // What the kernel dropped is remembered for this long: from the end of a NIC until it is decided
  // where its addresses live.
  static constexpr absl::Duration kDroppedKept = absl::Seconds(10);
  // What the kernel gave up itself stays in its cache for longer.
  static constexpr absl::Duration kDeletedWithin = absl::Milliseconds(200);

  // RTM_NEWNEIGH. Known from now on if it is resolved, else forgotten: nobody answered.
  void Seen(const NeighborFact& neighbor, absl::Time now);
  // RTM_DELNEIGH.
  void Dropped(IfIndex link, const IpAddress& ip, absl::Time now);
  // The caches as a dump lists them. What is not in there was dropped meanwhile.
  void Replace(const std::vector<NeighborFact>& neighbors, absl::Time now);

  // Unicast neighbours with a MAC, known on this NIC now or dropped a moment ago.
  [[nodiscard]] std::vector<NeighborFact> On(IfIndex link, absl::Time now) const;
  // Nobody answered when the kernel asked last, within kDroppedKept (NUD_FAILED), and nobody has
  // since. Known after a moment only: an entry that somebody deletes is told as failed first.
  [[nodiscard]] bool HasFailed(IfIndex link, const IpAddress& ip, absl::Time now) const;
  // The MAC of one of them; none: it is not known on this NIC.
  [[nodiscard]] std::optional<MacAddress> MacOf(IfIndex link, const IpAddress& ip) const;

 private:
  struct Entry {
    NeighborFact neighbor;
    absl::Time dropped = absl::InfiniteFuture();
  };

  void Prune(absl::Time now);

  absl::btree_map<std::pair<IfIndex, IpAddress>, Entry> entries_;
  absl::btree_map<std::pair<IfIndex, IpAddress>, absl::Time> failed_;
  absl::Time pruned_ = absl::InfinitePast();
};

}  // namespace stronghost
