#include "agent/decide/residence.h"

#include <linux/if_addr.h>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/decide/main_routes.h"

namespace stronghost {
namespace {

// The same route, whichever NIC it is on.
bool Same(const RouteFact& a, const RouteFact& b) {
  return SameWay(a, b) && a.source == b.source && a.protocol == b.protocol;
}

std::vector<RouteFact>::iterator Find(std::vector<RouteFact>& routes, const RouteFact& wanted) {
  return std::find_if(routes.begin(), routes.end(),
                      [&wanted](const RouteFact& route) { return Same(route, wanted); });
}

// Routes of `from` that are `to`'s from now on.
void Lend(Inventory& inventory, const std::string& from, const std::string& to,
          const std::function<bool(const RouteFact&)>& which) {
  KnownNic& old = inventory.nics[from];
  KnownNic& heir = inventory.nics[to];
  for (const RouteFact& route : old.routes) {
    const bool has_it = std::any_of(heir.routes.begin(), heir.routes.end(),
                                    [&route](const RouteFact& own) { return SameWay(own, route); });
    if (!which(route) || has_it) {
      continue;
    }
    std::erase_if(heir.returned,
                  [&route](const RouteFact& other) { return SameWay(other, route); });
    old.lent.push_back(route);
    heir.routes.push_back(route);
    heir.routes.back().link = heir.link;
    heir.routes_lost = true;
  }
  std::erase_if(old.routes, which);
}

class Relocator {
 public:
  Relocator(Inventory inventory, const Facts& facts, const std::vector<Member>& members,
            const Memory& memory, const DatapathState& previous, const Reach& reach, absl::Time now)
      : facts_(facts),
        members_(members),
        memory_(memory),
        previous_(previous),
        reach_(reach),
        now_(now) {
    result_.inventory = std::move(inventory);
    for (const auto& [home, place] : memory) {
      ++load_[place.path.wire];
    }
  }

  Residences Run() {
    for (auto& [ip, residence] : result_.inventory.addresses) {
      const Member* origin = FindMember(members_, residence.origin);
      if (residence.ordered && origin != nullptr && origin->usable()) {
        if (residence.home == residence.origin) {  // it stood in, and belongs there now
          GiveBackRoutes({.to = residence.origin, .addresses = {ip}});
        }
        Move(ip, residence, {residence.origin, "moved"});
        residence.ordered = false;
        continue;
      }
      const std::pair<std::string, std::string> way{residence.origin, residence.home};
      const auto [it, first] = choices_.try_emplace(way);
      if (first) {
        it->second = Choose(residence.origin, residence.home);
      }
      Move(ip, residence, it->second);
    }
    for (const Relocation& relocation : result_.relocations) {
      if (relocation.cause == "moved") {
        GiveBackRoutes(relocation);
        HandOverRoutes(relocation);
      }
    }
    return std::move(result_);
  }

 private:
  struct Choice {
    std::string to;
    std::string cause;
  };

  void Move(const IpAddress& ip, Residence& residence, const Choice& choice) {
    if (choice.to == residence.home) {
      return;
    }
    OfWay(residence.home, choice).addresses.push_back(ip);
    residence.left.insert(residence.home);
    residence.left.erase(choice.to);
    residence.home = choice.to;
    residence.settled = false;
  }

  // The IPv4 routes of a NIC that its last address was moved away from are the new home's from then
  // on. (The kernel drops them there; IPv6 ones stay.)
  void HandOverRoutes(const Relocation& relocation) {
    const Member* from = FindMember(members_, relocation.from);
    const Member* to = FindMember(members_, relocation.to);
    if (to == nullptr || to->link == nullptr || from == nullptr || from->link == nullptr ||
        KeepsIpv4(facts_, *from->link, from->name, result_.inventory)) {
      return;
    }
    Lend(result_.inventory, relocation.from, relocation.to,
         [](const RouteFact& route) { return route.destination.address.IsV4(); });
  }

  // What went with the last IPv4 address of a NIC comes back with one, as far as it is still there.
  void GiveBackRoutes(const Relocation& relocation) {
    KnownNic& owner = result_.inventory.nics[relocation.to];
    if (std::none_of(relocation.addresses.begin(), relocation.addresses.end(),
                     [](const IpAddress& ip) { return ip.IsV4(); })) {
      return;
    }
    for (const RouteFact& lent : std::exchange(owner.lent, {})) {
      for (auto& [name, holder] : result_.inventory.nics) {
        const auto held = Find(holder.routes, lent);
        if (name == relocation.to || held == holder.routes.end()) {
          continue;
        }
        holder.returned.push_back(*held);
        holder.routes.erase(held);
        owner.routes.push_back(lent);
        owner.routes.back().link = owner.link;
        owner.routes_lost = true;
        for (auto& [other, nic] : result_.inventory.nics) {  // who had it in between
          std::erase_if(nic.lent, [&lent](const RouteFact& route) { return Same(route, lent); });
        }
        break;
      }
    }
  }

  Relocation& OfWay(const std::string& from, const Choice& choice) {
    for (Relocation& relocation : result_.relocations) {
      if (relocation.from == from && relocation.to == choice.to) {
        return relocation;
      }
    }
    return result_.relocations.emplace_back(
        Relocation{.from = from, .to = choice.to, .cause = choice.cause});
  }

  absl::Time Since(const std::string& nic) const {
    const auto it = reach_.find(nic);
    return it == reach_.end() ? now_ : it->second.since;
  }

  // Why the addresses on `nic` have to live elsewhere; "": they don't.
  std::string MustLeave(const Member* member) {
    if (member == nullptr) {
      return "";
    }
    if (member->link == nullptr) {
      return "gone";
    }
    if (!member->link->admin_up) {
      return "down";
    }
    if (member->link->carrier || member->group->relocate_after == absl::InfiniteDuration()) {
      return "";
    }
    const absl::Time due = Since(member->name) + member->group->relocate_after;
    if (due <= now_) {
      return "carrier";
    }
    result_.wake = std::min(result_.wake, due);
    return "";
  }

  Choice Choose(const std::string& origin, const std::string& home) {
    const Member* own = FindMember(members_, origin);
    if (home != origin && own != nullptr && own->usable()) {
      const absl::Time back = Since(origin) + own->group->failback;
      if (back <= now_) {
        return {origin, "failback"};
      }
      result_.wake = std::min(result_.wake, back);
    }
    const Member* here = FindMember(members_, home);
    const std::string cause = MustLeave(here);
    if (cause.empty()) {
      return {home, ""};
    }
    const auto [chosen, first] = survivors_.try_emplace(home, nullptr);
    if (first) {
      chosen->second = Survivor(*here);
      if (chosen->second != nullptr) {
        ++load_[chosen->second->link->index];
      }
    }
    const Member* survivor = chosen->second;
    if (survivor == nullptr) {
      result_.problems.push_back(absl::StrCat("the addresses of ", home, " (", cause,
                                              ") live nowhere: group ", here->group->name,
                                              " has no usable NIC to move them to; bring one up"));
      return {home, ""};
    }
    return {survivor->name, cause};
  }

  // Who carries, or carried, the frames of `member` already; else the best.
  const Member* Survivor(const Member& member) const {
    std::vector<const Member*> group;
    for (const Member& other : members_) {
      if (other.group == member.group && &other != &member && other.usable()) {
        group.push_back(&other);
      }
    }
    const IfIndex stand_in = StandIn(member);
    for (const Member* other : group) {
      if (other->link->index == stand_in) {
        return other;
      }
    }
    return BestMember(group, load_, IfIndex::kNone);
  }

  IfIndex StandIn(const Member& member) const {
    if (const auto it = memory_.find(member.home); it != memory_.end()) {
      return it->second.path.wire;
    }
    const auto known = result_.inventory.nics.find(member.name);
    if (known == result_.inventory.nics.end()) {
      return IfIndex::kNone;
    }
    for (const auto& [index, home] : previous_.homes) {
      if (home.link == known->second.link) {
        return home.path.wire;
      }
    }
    return IfIndex::kNone;
  }

  const Facts& facts_;
  const std::vector<Member>& members_;
  const Memory& memory_;
  const DatapathState& previous_;
  const Reach& reach_;
  absl::Time now_;
  WireLoad load_;
  absl::btree_map<std::pair<std::string, std::string>, Choice> choices_;  // by origin and home
  absl::btree_map<std::string, const Member*> survivors_;                 // by home
  Residences result_;
};

}  // namespace

Residences Relocate(Inventory inventory, const Facts& facts, const std::vector<Member>& members,
                    const Memory& memory, const DatapathState& previous, const Reach& reach,
                    absl::Time now) {
  return Relocator(std::move(inventory), facts, members, memory, previous, reach, now).Run();
}

bool KeepsIpv4(const Facts& facts, const LinkFact& link, const std::string& nic,
               const Inventory& inventory) {
  return std::any_of(facts.addresses.begin(), facts.addresses.end(), [&](const AddressFact& fact) {
    if (fact.link != link.index || !fact.ip.address.IsV4()) {
      return false;
    }
    const auto known = inventory.addresses.find(fact.ip.address);
    return known == inventory.addresses.end() || known->second.home == nic;
  });
}

std::vector<HomeState> HomesLeftBehind(const Facts& facts, const Inventory& inventory,
                                       const std::vector<Member>& members, const Memory& memory,
                                       const DatapathState& previous) {
  absl::btree_map<std::string, std::string> served_by;  // missing NIC -> where its addresses live
  for (const auto& [ip, residence] : inventory.addresses) {
    if (residence.relocated()) {
      served_by.emplace(residence.origin, residence.home);
    }
  }
  std::set<HomeIndex> taken;
  for (const Member& member : members) {
    if (member.home != HomeIndex::kNone) {
      taken.insert(member.home);
    }
  }
  std::set<MacAddress> macs;  // alive
  for (const auto& [index, link] : facts.links) {
    macs.insert(link.mac);
  }
  std::vector<HomeState> homes;
  for (const auto& [nic, survivor] : served_by) {
    const Member* gone = FindMember(members, nic);
    const Member* carrier = FindMember(members, survivor);
    const auto known = inventory.nics.find(nic);
    if (gone == nullptr || gone->link != nullptr || gone->stay || carrier == nullptr ||
        carrier->home == HomeIndex::kNone || known == inventory.nics.end() ||
        known->second.mac.IsZero() || facts.links.contains(known->second.link) ||
        !macs.insert(known->second.mac).second) {
      continue;
    }
    HomeState home{.link = known->second.link,
                   .name = nic,
                   .mac = known->second.mac,
                   .group = gone->group_number,
                   .alias = true};
    for (const auto& [index, before] : previous.homes) {
      if (before.link == home.link && !taken.contains(index)) {
        home.index = index;
      }
    }
    if (home.index == HomeIndex::kNone) {
      home.index = LowestFree(taken);
    }
    if (home.index == HomeIndex::kNone) {
      continue;
    }
    home.path.wire = memory.at(carrier->home).path.wire;
    taken.insert(home.index);
    homes.push_back(std::move(home));
  }
  return homes;
}

void OrderMove(Inventory& inventory, const Facts& facts, const IpAddress& address,
               const std::string& nic) {
  Residence& residence = inventory.addresses.at(address);
  const std::string before = std::exchange(residence.origin, nic);
  residence.ordered = true;
  const bool others =
      std::any_of(inventory.addresses.begin(), inventory.addresses.end(),
                  [&before](const auto& entry) { return entry.second.origin == before; });
  if (residence.home != nic || others) {
    return;
  }
  const LinkFact* link = facts.FindLink(before);
  const bool up = link != nullptr && link->admin_up;
  Lend(inventory, before, nic,
       [up](const RouteFact& route) { return !up || route.destination.address.IsV4(); });
}

AddressFact MovedFact(const IpAddress& ip, const Residence& residence, const LinkFact& link) {
  return {.link = link.index,
          .ip = {ip, residence.length},
          // Without carrier DAD would wait for ever and the address stay tentative; and it was
          // this host's a moment ago.
          .flags = residence.flags | (ip.IsV6() ? IFA_F_NODAD : 0U),
          .scope = residence.scope,
          .protocol = residence.protocol,
          .metric = residence.metric,
          .broadcast = residence.broadcast,
          .peer = residence.peer,
          .label = absl::StartsWith(residence.label, absl::StrCat(link.name, ":")) ? residence.label
                                                                                   : "",
          .valid_until = residence.valid_until,
          .preferred_until = residence.preferred_until};
}

bool IsManageable(const IpAddress& ip) {
  return !ip.IsUnspecified() && !ip.IsMulticast() && !ip.IsLoopback();
}

}  // namespace stronghost
