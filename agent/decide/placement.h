// Which NIC carries which home: the failover rules. Pure.
//
//   home's own NIC | current wire   | then
//   ---------------+----------------+-------------------------------------------------------------
//   usable         | itself         | stays
//   usable         | other, usable  | back home once usable for `failback`; never with "never";
//                  |                | at once when an operator asked for it (undrain)
//   usable         | other, dead    | back home at once
//   dead           | other, usable  | stays on the stand-in
//   dead           | dead           | the best usable member; none: nothing moves
//   new home       | -              | itself; if it is dead, the best usable member
//
// Best: a standby member before the others, then the one that carries the fewest homes, then the
// order of the file. Among backups, which the kernel takes without asking, one that is the backup
// of fewer homes comes before one that is of more: wires that are lost together, or with one NIC,
// are shared. Bad news acts at once, good news waits for the hold-down.
#pragma once

#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "agent/decide/members.h"

namespace stronghost {

// The previous wire accepts a home's frames for this long after a planned change, so that frames on
// their way to it are not lost.
constexpr absl::Duration kLinger = absl::Seconds(5);

// What the agent remembers of a home from decision to decision.
struct HomeMemory {
  Path path;
  absl::Time since = absl::InfinitePast();         // of the wire
  absl::Time usable_since = absl::InfinitePast();  // of the home's own NIC
  bool was_usable = true;
  bool recalled = false;  // an operator wants the home back on its own NIC
  IfIndex linger = IfIndex::kNone;
  absl::Time linger_until = absl::InfinitePast();
};

using Memory = absl::btree_map<HomeIndex, HomeMemory>;

// How many homes each NIC carries.
using WireLoad = absl::btree_map<IfIndex, int>;

// The best usable member other than `a` and `b`; null when there is none. `named`: of how many
// homes each NIC is the backup.
const Member* BestMember(const std::vector<const Member*>& group, const WireLoad& load, IfIndex a,
                         IfIndex b = IfIndex::kNone, const WireLoad& named = {});

struct Placement {
  Memory memory;
  // When to decide again although nothing happens: a hold-down or a linger ends.
  absl::Time wake = absl::InfiniteFuture();
};

// `previous.path` of each home is what the map holds now (BPF may have flipped it).
Placement Place(const std::vector<Member>& members, const Memory& previous, absl::Time now);

}  // namespace stronghost
