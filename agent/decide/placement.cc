#include "agent/decide/placement.h"

#include <algorithm>

namespace stronghost {
namespace {

const Member* ByLink(const std::vector<const Member*>& group, IfIndex link) {
  for (const Member* member : group) {
    if (member->link != nullptr && member->link->index == link) {
      return member;
    }
  }
  return nullptr;
}

class HomePlacer {
 public:
  HomePlacer(const std::vector<const Member*>& group, WireLoad& load, absl::Time now)
      : group_(group), load_(load), now_(now) {}

  HomeMemory Place(const Member& member, const HomeMemory* previous, absl::Time& wake) {
    HomeMemory next = previous != nullptr ? *previous : FirstMemory(member);
    if (member.usable() && !next.was_usable) {
      next.usable_since = now_;
    }
    next.was_usable = member.usable();
    if (next.linger != IfIndex::kNone && next.linger_until <= now_) {
      next.linger = IfIndex::kNone;
    }
    const IfIndex wire = ChooseWire(member, next, wake);
    next.recalled &= member.usable() && wire != member.link->index;
    if (wire != next.path.wire) {
      Move(next, wire);
    }
    if (next.linger != IfIndex::kNone) {
      wake = std::min(wake, next.linger_until);
    }
    return next;
  }

  // Asked when every wire is chosen: the load that it weighs is the final one.
  IfIndex ChooseBackup(const Member& member, IfIndex wire) {
    const IfIndex own = member.link->index;
    if (wire != own && member.usable()) {
      return own;
    }
    const IfIndex backup = Best(own, wire);
    ++named_[backup];
    return backup;
  }

 private:
  HomeMemory FirstMemory(const Member& member) const {
    return {.path = {.wire = member.link->index}, .since = now_, .was_usable = member.usable()};
  }

  IfIndex Best(IfIndex own, IfIndex wire) const {
    const Member* best = BestMember(group_, load_, own, wire, named_);
    return best == nullptr ? IfIndex::kNone : best->link->index;
  }

  bool Usable(IfIndex link) const {
    const Member* member = ByLink(group_, link);
    return member != nullptr && member->usable();
  }

  IfIndex ChooseWire(const Member& member, const HomeMemory& memory, absl::Time& wake) {
    const IfIndex own = member.link->index;
    const IfIndex current = memory.path.wire;
    if (member.usable()) {
      if (current == own || !Usable(current) || memory.recalled) {
        return own;
      }
      const absl::Time back = memory.usable_since + member.group->failback;
      if (back <= now_) {
        return own;
      }
      wake = std::min(wake, back);
      return current;
    }
    if (Usable(current)) {
      return current;
    }
    const IfIndex best = Best(own, current);
    return best == IfIndex::kNone ? current : best;
  }

  // The old wire lingers only where it still hears the segment.
  void Move(HomeMemory& memory, IfIndex wire) {
    const Member* old = ByLink(group_, memory.path.wire);
    const bool hears = old != nullptr && old->link->carrier && old->link->admin_up;
    memory.linger = hears ? memory.path.wire : IfIndex::kNone;
    memory.linger_until = now_ + kLinger;
    if (memory.linger == wire) {
      memory.linger = IfIndex::kNone;
    }
    --load_[memory.path.wire];
    ++load_[wire];
    memory.path.wire = wire;
    memory.since = now_;
  }

  const std::vector<const Member*>& group_;
  WireLoad& load_;
  WireLoad named_;  // as a backup, so far
  absl::Time now_;
};

}  // namespace

const Member* BestMember(const std::vector<const Member*>& group, const WireLoad& load, IfIndex a,
                         IfIndex b, const WireLoad& named) {
  const Member* best = nullptr;
  const auto count = [](const WireLoad& of, IfIndex link) {
    const auto it = of.find(link);
    return it == of.end() ? 0 : it->second;
  };
  const auto rank = [&](const Member& member) {
    const IfIndex link = member.link->index;
    return std::tuple(member.state == NicState::kStandby ? 0 : 1, count(load, link),
                      count(named, link));
  };
  for (const Member* member : group) {
    if (!member->usable() || member->link->index == a || member->link->index == b) {
      continue;
    }
    if (best == nullptr || rank(*member) < rank(*best)) {
      best = member;
    }
  }
  return best;
}

Placement Place(const std::vector<Member>& members, const Memory& previous, absl::Time now) {
  absl::btree_map<uint32_t, std::vector<const Member*>> groups;
  WireLoad load;
  for (const Member& member : members) {
    if (member.home == HomeIndex::kNone) {
      continue;
    }
    groups[member.group_number].push_back(&member);
    const auto it = previous.find(member.home);
    ++load[it == previous.end() ? member.link->index : it->second.path.wire];
  }
  Placement placement;
  for (const auto& [number, group] : groups) {
    HomePlacer placer(group, load, now);
    for (const Member* member : group) {
      const auto it = previous.find(member->home);
      placement.memory[member->home] =
          placer.Place(*member, it == previous.end() ? nullptr : &it->second, placement.wake);
    }
    for (const Member* member : group) {
      Path& path = placement.memory[member->home].path;
      path.backup = placer.ChooseBackup(*member, path.wire);
    }
  }
  return placement;
}

}  // namespace stronghost
