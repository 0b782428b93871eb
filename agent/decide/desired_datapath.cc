// What the BPF maps should hold: homes in rings, addresses with their owners.
#include <algorithm>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/str_cat.h"
#include "agent/decide/acceptance.h"
#include "agent/decide/decide.h"

namespace stronghost {
namespace {

bool HasVlanChildren(const Facts& facts, IfIndex link) {
  return std::any_of(facts.links.begin(), facts.links.end(), [link](const auto& entry) {
    return entry.second.kind == "vlan" && entry.second.parent == link;
  });
}

HomeState MakeHome(const DecideInput& input, const Member& member, const HomeMemory& memory) {
  return {.index = member.home,
          .link = member.link->index,
          .name = member.name,
          .mac = member.link->mac,
          .group = member.group_number,
          .stay = member.stay,
          .weak = input.config.host_model == HostModel::kWeak,
          .watched = input.paths.watched.contains(member.name),
          .path = memory.path,
          .linger = memory.linger,
          .carrier = member.link->carrier && member.link->admin_up,
          .drained = member.state == NicState::kDrained,
          .vlan_children = HasVlanChildren(input.facts, member.link->index)};
}

void TieRings(DatapathState& state) {
  absl::btree_map<uint32_t, std::vector<HomeState*>> groups;
  for (auto& [index, home] : state.homes) {
    groups[home.group].push_back(&home);
  }
  for (auto& [number, ring] : groups) {
    for (size_t i = 0; i < ring.size(); ++i) {
      ring[i]->next = ring[(i + 1) % ring.size()]->index;
    }
  }
}

AddressKey KeyOf(const IpAddress& ip, IfIndex link) {
  return {ip, ip.IsLinkLocal() ? link : IfIndex::kNone};
}

// The IPv4 subnets of each NIC, those that are about to arrive included. A subnet of one address is
// none.
class Subnets {
 public:
  Subnets(const Facts& facts, const std::vector<Member>& members, const Inventory& inventory) {
    absl::btree_map<std::string, IfIndex> links;
    for (const Member& member : members) {
      if (member.link != nullptr) {
        links[member.name] = member.link->index;
      }
    }
    for (const AddressFact& fact : facts.addresses) {
      Add(fact.link, fact.ip);
    }
    for (const auto& [ip, residence] : inventory.addresses) {
      if (const auto link = links.find(residence.home); link != links.end()) {
        Add(link->second, {ip, residence.length});
      }
    }
  }

  // Length of the widest one around an IPv4 address; its own length if there is none. IPv6: 0.
  uint8_t Around(IfIndex link, const IpPrefix& ip) const {
    if (ip.address.IsV6()) {
      return 0;
    }
    const auto found = of_link_.find(link);
    if (found != of_link_.end()) {
      for (const int length : found->second.lengths) {
        if (length < ip.length &&
            found->second.networks.contains(IpPrefix{ip.address, length}.Network())) {
          return static_cast<uint8_t>(length);
        }
      }
    }
    return static_cast<uint8_t>(ip.length);
  }

 private:
  struct OfLink {
    absl::btree_set<IpPrefix> networks;
    absl::btree_set<int> lengths;  // of networks
  };

  void Add(IfIndex link, const IpPrefix& ip) {
    if (ip.address.IsV4() && ip.length < ip.address.max_length()) {
      of_link_[link].networks.insert(ip.Network());
      of_link_[link].lengths.insert(ip.length);
    }
  }

  absl::btree_map<IfIndex, OfLink> of_link_;
};

class AddressTable {
 public:
  AddressTable(const Subnets& subnets, DatapathState& state, std::vector<std::string>& problems)
      : subnets_(subnets), state_(state), problems_(problems) {}

  void Add(const IpPrefix& ip, const Member& member) {
    if (!IsManageable(ip.address)) {
      return;
    }
    const IfIndex link = member.link->index;
    const auto [it, added] = state_.addresses.try_emplace(
        KeyOf(ip.address, link), AddressOwner{member.home, subnets_.Around(link, ip)});
    if (!added && it->second.home != member.home) {
      problems_.push_back(absl::StrCat(ip.address.ToString(), " is on ", member.name,
                                       " as well as on ", state_.homes[it->second.home].name,
                                       ", which keeps it; remove it from ", member.name));
    }
  }

 private:
  const Subnets& subnets_;
  DatapathState& state_;
  std::vector<std::string>& problems_;
};

// Until an address has arrived on its new home the old one answers for it, if it has it. Nobody
// does for what another host has.
class Speakers {
 public:
  Speakers(const Facts& facts, const std::vector<Member>& members) {
    absl::btree_map<IfIndex, std::string> names;
    for (const Member& member : members) {
      if (member.link != nullptr) {
        names[member.link->index] = member.name;
      }
    }
    for (const AddressFact& fact : facts.addresses) {
      if (const auto name = names.find(fact.link); name != names.end()) {
        (IsDuplicate(fact) ? duplicates_ : present_).emplace(name->second, fact.ip.address);
      }
    }
  }

  // The NIC's name; "": nobody.
  std::string Of(const IpAddress& ip, const Residence& residence) const {
    if (!residence.settled && !present_.contains({residence.home, ip})) {
      for (const std::string& nic : residence.left) {
        if (present_.contains({nic, ip})) {
          return nic;
        }
      }
    }
    return duplicates_.contains({residence.home, ip}) ? "" : residence.home;
  }

 private:
  absl::btree_set<std::pair<std::string, IpAddress>> present_;
  absl::btree_set<std::pair<std::string, IpAddress>> duplicates_;
};

// A copy that is about to be deleted is no stray.
bool IsLeaving(const Inventory& inventory, const IpAddress& ip, const std::string& nic) {
  const auto it = inventory.addresses.find(ip);
  return it != inventory.addresses.end() && it->second.home != nic &&
         (it->second.left.contains(nic) || it->second.origin == nic);
}

// Prefixes live with the addresses of the NIC that they belong to. One that an operator wants
// elsewhere says nothing of the others.
void AddPrefixes(const Config& config, const std::vector<Member>& members,
                 const Inventory& inventory, DatapathState& state,
                 std::vector<std::string>& problems) {
  absl::btree_map<std::string, std::string> away;  // NIC -> where its addresses live meanwhile
  for (const auto& [ip, residence] : inventory.addresses) {
    if (residence.relocated() && !residence.ordered) {
      away.emplace(residence.origin, residence.home);
    }
  }
  for (const GroupConfig& group : config.groups) {
    for (const PrefixConfig& prefix : group.prefixes) {
      const auto elsewhere = away.find(prefix.home);
      const Member* home =
          FindMember(members, elsewhere == away.end() ? prefix.home : elsewhere->second);
      if (home == nullptr || home->home == HomeIndex::kNone) {
        problems.push_back(absl::StrCat(
            prefix.prefix.ToString(), " has no home: ", prefix.home,
            " is not there, and no address of it lives elsewhere; bring it back, or give the "
            "prefix another home"));
        continue;
      }
      state.prefixes[prefix.prefix.Network()] = home->home;
    }
  }
}

}  // namespace

DatapathState DesiredDatapath(const DecideInput& input, const std::vector<Member>& members,
                              const Memory& memory, const Inventory& inventory,
                              std::vector<std::string>& problems) {
  DatapathState state;
  for (const Member& member : members) {
    if (member.home != HomeIndex::kNone) {
      state.homes[member.home] = MakeHome(input, member, memory.at(member.home));
    }
  }
  for (HomeState& home : HomesLeftBehind(input.facts, inventory, members, memory, input.datapath)) {
    state.homes[home.index] = std::move(home);
  }
  TieRings(state);

  // Where an address lives is settled: one found elsewhere as well is the stray.
  const Subnets subnets(input.facts, members, inventory);
  AddressTable table(subnets, state, problems);
  for (const Member& member : members) {
    if (member.home == HomeIndex::kNone) {
      continue;
    }
    for (const AddressConfig& address : member.group->addresses) {
      if (address.home == member.name && address.ip.address.IsLinkLocal()) {
        table.Add(address.ip, member);
      }
    }
  }
  const Speakers speakers(input.facts, members);
  for (const auto& [ip, residence] : inventory.addresses) {
    const std::string speaker = speakers.Of(ip, residence);
    for (const Member& member : members) {
      if (member.name == speaker && member.home != HomeIndex::kNone) {
        table.Add({ip, residence.length}, member);
      }
    }
  }
  for (const Member& member : members) {
    if (member.home == HomeIndex::kNone) {
      continue;
    }
    for (const AddressFact& fact : input.facts.addresses) {
      // A member's link-local addresses are always managed: ND needs them on the stand-in.
      if (fact.link == member.link->index && !IsDuplicate(fact) &&
          (member.group->adopt || fact.ip.address.IsLinkLocal()) &&
          !IsLeaving(inventory, fact.ip.address, member.name)) {
        table.Add(fact.ip, member);
      }
    }
  }
  AddPrefixes(input.config, members, inventory, state, problems);
  return state;
}

}  // namespace stronghost
