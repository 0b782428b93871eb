// What is configured and found on the members, and what was there when their NICs went.
#include <linux/rtnetlink.h>

#include <algorithm>
#include <set>
#include <utility>

#include "agent/base/ids.h"
#include "agent/decide/acceptance.h"
#include "agent/decide/main_routes.h"
#include "agent/decide/residence.h"

namespace stronghost {
namespace {

bool IsUp(const Member* member) {
  return member != nullptr && member->link != nullptr && member->link->admin_up;
}

class StockTaker {
 public:
  StockTaker(const Config& config, const Facts& facts, const std::vector<Member>& members,
             const AddedAddresses& added, Inventory previous, const std::set<IfIndex>& bounced,
             absl::Time now)
      : config_(config),
        facts_(facts),
        members_(members),
        added_(added),
        bounced_(bounced),
        now_(now),
        next_(std::move(previous)) {
    for (const Member& member : members_) {
      if (member.link != nullptr) {
        by_link_[member.link->index] = &member;
      }
    }
    for (const auto& [name, nic] : next_.nics) {
      by_link_.try_emplace(nic.link, nullptr);  // one that is no member (any more)
    }
    for (const AddressFact& fact : facts_.addresses) {
      if (by_link_.contains(fact.link) && IsManageable(fact.ip.address) &&
          !fact.ip.address.IsLinkLocal() && !IsDuplicate(fact)) {
        present_.emplace(std::pair(fact.link, fact.ip.address), &fact);
      }
    }
  }

  Inventory Run() {
    TakeConfiguration();
    TakeFound();
    DropGone();
    TakeNics();
    return std::move(next_);
  }

 private:
  const AddressFact* Find(const Member* member, const IpAddress& ip) const {
    if (member == nullptr || member->link == nullptr) {
      return nullptr;
    }
    const auto it = present_.find({member->link->index, ip});
    return it == present_.end() ? nullptr : it->second;
  }

  // On the NIC of that name, or on what was it when it was a member.
  bool IsOn(const std::string& nic, const IpAddress& ip) const {
    const Member* member = FindMember(members_, nic);
    if (member != nullptr && member->link != nullptr) {
      return Find(member, ip) != nullptr;
    }
    const auto known = next_.nics.find(nic);
    return known != next_.nics.end() && present_.contains({known->second.link, ip});
  }

  void TakeConfiguration() {
    for (const GroupConfig& group : config_.groups) {
      for (const AddressConfig& address : group.addresses) {
        const IpAddress& ip = address.ip.address;
        if (ip.IsLinkLocal()) {
          continue;
        }
        configured_.insert(ip);
        Residence& residence = next_.addresses[ip];
        if (residence.configured != address.home) {
          // New, or the configuration gives it another home.
          if (!residence.home.empty()) {
            residence.left.insert(residence.home);
          }
          residence.left.erase(address.home);
          residence.origin = residence.home = residence.configured = address.home;
          residence.settled = residence.ordered = false;
        }
        residence.length = address.ip.length;
      }
    }
  }

  void Settle(Residence& residence, const AddressFact& fact) {
    residence.settled = true;
    residence.flags = fact.flags;
    residence.scope = fact.scope;
    residence.protocol = fact.protocol;
    residence.metric = fact.metric;
    residence.broadcast = fact.broadcast;
    residence.peer = fact.peer;
    if (!fact.label.empty()) {
      residence.label = fact.label;
    }
    residence.valid_until = fact.valid_until;
    residence.preferred_until = fact.preferred_until;
    if (residence.configured.empty()) {
      residence.length = fact.ip.length;
    }
  }

  void TakeFound() {
    for (const auto& [key, fact] : present_) {
      if (by_link_.at(key.first) == nullptr) {
        continue;
      }
      const Member& member = *by_link_.at(key.first);
      const bool added = added_.contains({member.name, fact->ip});
      const auto known = next_.addresses.find(key.second);
      if (known == next_.addresses.end()) {
        if (member.group->adopt && !added) {
          Residence& found = next_.addresses[key.second];
          found.origin = found.home = member.name;
          found.adopted = true;
          Settle(found, *fact);
        }
        continue;
      }
      Residence& residence = known->second;
      if (residence.home == member.name) {
        residence.adopted |= !residence.settled && residence.left.empty() && !added;
        Settle(residence, *fact);
      } else if (!residence.left.contains(member.name)) {
        FoundElsewhere(residence, member, *fact);
      }
    }
  }

  // Two copies are somebody's mistake; a single one is where he moved it to, or where an earlier
  // run of the agent did before it could write that down.
  void FoundElsewhere(Residence& residence, const Member& member, const AddressFact& fact) {
    const Member* home = FindMember(members_, residence.home);
    if (Find(home, fact.ip.address) != nullptr ||
        (home != nullptr && home->group != member.group)) {
      return;
    }
    if (!IsUp(home)) {
      residence.home = member.name;
    } else if (residence.settled && residence.configured.empty()) {
      residence.home = residence.origin = member.name;
    } else {
      return;
    }
    Settle(residence, fact);
  }

  void DropGone() {
    for (auto it = next_.addresses.begin(); it != next_.addresses.end();) {
      Residence& residence = it->second;
      if (!residence.configured.empty() && !configured_.contains(it->first)) {
        residence.configured.clear();
      }
      const Member* home = FindMember(members_, residence.home);
      if (FindMember(members_, residence.origin) == nullptr) {
        residence.origin = residence.home;
      } else if (home == nullptr) {
        // Its host is no member any more.
        residence.left.insert(residence.home);
        residence.left.erase(residence.origin);
        residence.home = residence.origin;
        residence.settled = false;
        home = FindMember(members_, residence.home);
      }
      const bool there = Find(home, it->first) != nullptr;
      const bool deleted = residence.settled && !there && IsUp(home) && !HasBounced(*home);
      const bool let_go = residence.configured.empty() && !residence.adopted;
      const bool unmanaged =
          home == nullptr || (!home->group->adopt && residence.configured.empty());
      const bool expired = !there && residence.valid_until <= now_;
      if (unmanaged || let_go || expired || (deleted && residence.configured.empty())) {
        it = next_.addresses.erase(it);
        continue;
      }
      residence.settled &= there;
      if (there && residence.settled) {
        std::erase_if(residence.left,
                      [&](const std::string& nic) { return !IsOn(nic, it->first); });
      }
      ++it;
    }
  }

  bool HasBounced(const Member& member) const {
    return member.link != nullptr && bounced_.contains(member.link->index);
  }

  bool HasAddressesAway(const std::string& nic) const {
    return std::any_of(next_.addresses.begin(), next_.addresses.end(), [&nic](const auto& entry) {
      return entry.second.origin == nic && entry.second.relocated();
    });
  }

  std::vector<RouteFact> RoutesOf(const KnownNic& nic) const {
    std::vector<RouteFact> routes;
    for (const RouteFact& route : facts_.routes) {
      if (route.link == nic.link && route.table == RT_TABLE_MAIN && !route.multipath &&
          route.protocol != RTPROT_KERNEL && route.protocol != RTPROT_RA &&
          route.protocol != kRouteProtocol && !IsAmong(nic.returned, route)) {
        routes.push_back(route);
      }
    }
    return routes;
  }

  static bool IsAmong(const std::vector<RouteFact>& routes, const RouteFact& wanted) {
    return std::any_of(routes.begin(), routes.end(), [&wanted](const RouteFact& route) {
      return route.link == wanted.link && SameWay(route, wanted);
    });
  }

  void TakeNics() {
    std::set<std::string> left;
    for (const auto& [ip, residence] : next_.addresses) {
      left.insert(residence.left.begin(), residence.left.end());
    }
    absl::erase_if(next_.nics, [&](const auto& entry) {
      return FindMember(members_, entry.first) == nullptr && !left.contains(entry.first);
    });
    for (const Member& member : members_) {
      KnownNic& known = next_.nics[member.name];
      const bool away = HasAddressesAway(member.name);
      std::erase_if(known.returned,
                    [this](const RouteFact& route) { return !IsAmong(facts_.routes, route); });
      known.routes_lost |= (away || !IsUp(&member) || HasBounced(member)) && !known.routes.empty();
      if (!IsUp(&member)) {
        continue;
      }
      known.mac = member.link->mac;
      known.link = member.link->index;
      for (RouteFact& route : known.routes) {
        route.link = known.link;
      }
      if (!away && (!known.routes_lost || AreThere(known.routes))) {
        known.routes_lost = false;
        known.routes = RoutesOf(known);
      }
    }
  }

  // Or others in their place.
  bool AreThere(const std::vector<RouteFact>& lost) const {
    return std::all_of(lost.begin(), lost.end(), [this](const RouteFact& one) {
      return std::any_of(facts_.routes.begin(), facts_.routes.end(), [&one](const auto& route) {
        return route.table == RT_TABLE_MAIN && route.link == one.link &&
               route.protocol != kRouteProtocol && route.destination == one.destination &&
               route.metric == one.metric;
      });
    });
  }

  const Config& config_;
  const Facts& facts_;
  const std::vector<Member>& members_;
  const AddedAddresses& added_;
  const std::set<IfIndex>& bounced_;
  absl::Time now_;
  std::set<IpAddress> configured_;
  absl::btree_map<IfIndex, const Member*> by_link_;
  absl::btree_map<std::pair<IfIndex, IpAddress>, const AddressFact*> present_;
  Inventory next_;
};

}  // namespace

Inventory TakeStock(const Config& config, const Facts& facts, const std::vector<Member>& members,
                    const AddedAddresses& added, const Inventory& previous,
                    const std::set<IfIndex>& bounced, absl::Time now) {
  return StockTaker(config, facts, members, added, previous, bounced, now).Run();
}

Inventory FollowOwners(Inventory inventory, const Facts& facts, const DatapathState& left) {
  for (const AddressFact& fact : facts.addresses) {
    const auto known = inventory.addresses.find(fact.ip.address);
    const auto owner = left.addresses.find({fact.ip.address});
    const auto link = facts.links.find(fact.link);
    if (known == inventory.addresses.end() || owner == left.addresses.end() ||
        link == facts.links.end()) {
      continue;
    }
    const auto home = left.homes.find(owner->second.home);
    Residence& residence = known->second;
    // An order is carried out again: it takes routes along, too.
    if (home == left.homes.end() || home->second.link != fact.link || residence.ordered ||
        residence.home == link->second.name) {
      continue;
    }
    residence.left.insert(residence.home);
    residence.left.erase(link->second.name);
    residence.home = link->second.name;
    residence.settled = true;
  }
  return inventory;
}

}  // namespace stronghost
