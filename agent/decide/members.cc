#include "agent/decide/members.h"

#include <algorithm>
#include <array>

#include "maps/types.h"

namespace stronghost {
namespace {

// docs/drivers.md says how each was proven.
constexpr std::array<absl::string_view, 2> kFollowingDrivers = {"veth", "virtio_net"};

NicState StateOf(const Member& member, const std::set<std::string>& drained) {
  if (member.link == nullptr) {
    return NicState::kMissing;
  }
  if (!member.link->admin_up || !member.link->carrier) {
    return NicState::kDown;
  }
  if (drained.contains(member.name)) {
    return NicState::kDrained;
  }
  return member.group->IsStandby(member.name) ? NicState::kStandby : NicState::kUp;
}

// A link that may be gone in a moment is better than none, and so is one that leads nowhere now.
void SuspectUnreliable(std::vector<Member>& members, const Reach& reach) {
  const auto flaps = [&reach](const Member& member) {
    const auto it = reach.find(member.name);
    return it != reach.end() && (it->second.flapping || it->second.path_dead);
  };
  for (Member& member : members) {
    const bool other = std::any_of(members.begin(), members.end(), [&](const Member& sibling) {
      return sibling.group == member.group && sibling.usable() && !flaps(sibling);
    });
    if (member.usable() && flaps(member) && other) {
      member.state = NicState::kSuspect;
    }
  }
}

bool GroupStays(const GroupConfig& group, const std::vector<Member>& members) {
  switch (group.mac) {
    case MacMode::kFollow:
      return false;
    case MacMode::kStay:
      return true;
    case MacMode::kAuto:
      break;
  }
  return std::any_of(members.begin(), members.end(), [&](const Member& member) {
    return member.group == &group && member.link != nullptr && !DriverFollows(member.link->driver);
  });
}

}  // namespace

absl::string_view ToString(NicState state) {
  switch (state) {
    case NicState::kMissing:
      return "missing";
    case NicState::kDown:
      return "down";
    case NicState::kDrained:
      return "drained";
    case NicState::kSuspect:
      return "suspect";
    case NicState::kStandby:
      return "standby";
    case NicState::kUp:
      return "up";
  }
  return "missing";
}

bool DriverFollows(absl::string_view driver) {
  return std::find(kFollowingDrivers.begin(), kFollowingDrivers.end(), driver) !=
         kFollowingDrivers.end();
}

const Member* FindMember(const std::vector<Member>& members, const std::string& name) {
  const auto it = std::find_if(members.begin(), members.end(),
                               [&name](const Member& member) { return member.name == name; });
  return it == members.end() ? nullptr : &*it;
}

HomeIndex LowestFree(const std::set<HomeIndex>& taken) {
  for (uint32_t i = 1; i < SH_HOMES_MAX; ++i) {
    if (!taken.contains(HomeIndex{i})) {
      return HomeIndex{i};
    }
  }
  return HomeIndex::kNone;
}

std::vector<Member> FindMembers(const Config& config, const Facts& facts,
                                const DatapathState& previous, const std::set<std::string>& drained,
                                const Reach& reach) {
  absl::btree_map<IfIndex, HomeIndex> known;
  for (const auto& [index, home] : previous.homes) {
    known[home.link] = index;
  }
  std::vector<Member> members;
  std::set<HomeIndex> taken;
  uint32_t group_number = 0;
  for (const GroupConfig& group : config.groups) {
    ++group_number;
    for (const std::string& name : group.Members()) {
      Member member{.group = &group, .group_number = group_number, .name = name};
      member.link = facts.FindLink(name);
      if (member.link != nullptr) {
        if (const auto it = known.find(member.link->index); it != known.end()) {
          member.home = it->second;
          taken.insert(it->second);
        }
        member.routed = group.policy_rules && !facts.InVrf(*member.link);
      }
      member.state = StateOf(member, drained);
      members.push_back(std::move(member));
    }
  }
  for (Member& member : members) {
    if (member.link != nullptr && member.home == HomeIndex::kNone) {
      member.home = LowestFree(taken);
      taken.insert(member.home);
    }
    member.stay = GroupStays(*member.group, members);
  }
  SuspectUnreliable(members, reach);
  return members;
}

Reach UpdateReach(const std::vector<Member>& members, const Reach& previous, absl::Time now) {
  Reach next;
  for (const Member& member : members) {
    const bool up = member.state != NicState::kMissing && member.state != NicState::kDown;
    NicReach& reach = next[member.name];
    const auto known = previous.find(member.name);
    if (known == previous.end()) {
      reach = {.up = up, .since = now};
      continue;
    }
    reach = known->second;
    if (reach.up && !up) {
      reach.losses.push_back(now);
    }
    if (reach.up != up) {
      reach.up = up;
      reach.since = now;
    }
    std::erase_if(reach.losses, [now](absl::Time loss) { return loss + kCalm <= now; });
    const auto limit = static_cast<size_t>(member.group->flap_limit);
    if (reach.up && reach.since + kCalm <= now) {
      reach.flapping = false;
    } else if (limit > 0 && reach.losses.size() > limit) {
      reach.flapping = true;
    }
    reach.flapping &= limit > 0;
  }
  return next;
}

}  // namespace stronghost
