// Who the members are: configured NICs, the interfaces that they are now, the homes that they
// keep. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "agent/base/net_types.h"
#include "agent/config/config.h"
#include "agent/decide/desired.h"
#include "agent/decide/facts.h"

namespace stronghost {

// The first of these that holds of a NIC (design, section 7). kSuspect: the path behind it is in
// doubt although it has carrier.
enum class NicState { kMissing, kDown, kDrained, kSuspect, kStandby, kUp };

// "missing", "down", "drained", "suspect", "standby", "up".
absl::string_view ToString(NicState state);

// What a NIC's link did lately.
struct NicReach {
  bool up = false;  // there, set up and with carrier
  absl::Time since = absl::InfinitePast();
  std::vector<absl::Time> losses;  // within the last minute
  bool flapping = false;           // lost it too often, and has not been calm since
  bool path_dead = false;          // no gateway answers through it, one does through another NIC

  bool operator==(const NicReach&) const = default;
};
using Reach = absl::btree_map<std::string, NicReach>;

// A configured NIC. `link` is null while it is missing. Points into the Config and Facts that it
// was made from, which must outlive it.
struct Member {
  const GroupConfig* group = nullptr;
  uint32_t group_number = 0;  // from 1, in the order of the file
  std::string name;
  HomeIndex home = HomeIndex::kNone;  // kNone while missing
  const LinkFact* link = nullptr;
  NicState state = NicState::kMissing;
  bool stay = false;  // mac mode in force in the group
  // The home has a routing table: policy rules are asked for, and no VRF's table comes before them.
  bool routed = false;

  // Can carry frames: up or standby.
  [[nodiscard]] bool usable() const {
    return state == NicState::kUp || state == NicState::kStandby;
  }
};

// All members of all groups, in the order of the file. A NIC that `previous` knows keeps its home
// index, so that a restarted agent finds its homes where they were; others take the lowest free
// ones. `drained`: names of NICs that an operator took out of service. A NIC that flaps, or whose
// path is dead, by `reach` is suspect while the group has a usable one that is better.
std::vector<Member> FindMembers(const Config& config, const Facts& facts,
                                const DatapathState& previous, const std::set<std::string>& drained,
                                const Reach& reach);

// Within this time losses of a link are counted, and for this long it must hold after too many.
constexpr absl::Duration kCalm = absl::Minutes(1);

Reach UpdateReach(const std::vector<Member>& members, const Reach& previous, absl::Time now);

// Null when none has that name.
const Member* FindMember(const std::vector<Member>& members, const std::string& name);

// The lowest index that no home has; kNone when all are taken.
HomeIndex LowestFree(const std::set<HomeIndex>& taken);

// Whether mac = "auto" means follow with this driver: proven to accept a sibling's MAC
// (docs/drivers.md).
bool DriverFollows(absl::string_view driver);

}  // namespace stronghost
