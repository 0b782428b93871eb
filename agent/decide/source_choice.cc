#include "agent/decide/source_choice.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/decide/acceptance.h"

namespace stronghost {
namespace {

struct Candidate {
  IpPrefix ip;  // with the length of its subnet
  const GroupConfig* group = nullptr;
  uint32_t flags = 0;  // IFA_F_*
};
using Candidates = std::vector<Candidate>;

const IpPrefix& UniqueLocal() {
  static const auto* const kPrefix = new IpPrefix(IpPrefix::Parse("fc00::/7").value());
  return *kPrefix;
}

// What no choice is for. 0.0.0.0/0 stands for IPv4 as a whole: in the map's form it is a part of
// ::/0.
constexpr std::array<const char*, 10> kLeftToRouting = {
    "0.0.0.0/0",          "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4",
    "255.255.255.255/32", "::/128",    "::1/128",     "fe80::/10",      "ff00::/8"};

bool Names(const std::vector<IpAddress>& list, const IpAddress& ip) {
  return std::find(list.begin(), list.end(), ip) != list.end();
}

// Those that `matches`; all of them if none does.
template <typename Matches>
Candidates While(const Candidates& candidates, Matches matches) {
  Candidates kept;
  std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(kept), matches);
  return kept.empty() ? candidates : kept;
}

bool IsDeprecated(const Candidate& candidate) {
  return (candidate.flags & IFA_F_DEPRECATED) != 0;
}

class Chooser {
 public:
  Chooser(const Config& config, const Facts& facts, const std::vector<Member>& members,
          const DatapathState& datapath, std::vector<std::string>& problems)
      : config_(config),
        facts_(facts),
        members_(members),
        datapath_(datapath),
        problems_(problems) {}

  SourceState Choose() {
    FindCandidates();
    for (const char* range : kLeftToRouting) {
      state_.routes[IpPrefix::Parse(range).value()] = {};
    }
    AddSubnets();
    AddMainRoutes();
    AddOwnAddresses();
    NoteStrangers();
    return std::move(state_);
  }

 private:
  bool HasWire(const HomeState& home) const {
    const auto wire = facts_.links.find(home.path.wire);
    return wire != facts_.links.end() && wire->second.carrier && wire->second.admin_up;
  }

  const GroupConfig* GroupOf(IfIndex link) const {
    const auto it = std::find_if(members_.begin(), members_.end(), [link](const Member& member) {
      return member.link != nullptr && member.link->index == link;
    });
    return it == members_.end() ? nullptr : it->group;
  }

  void FindCandidates() {
    for (const AddressFact& fact : facts_.addresses) {
      const auto owner = datapath_.addresses.find({fact.ip.address, IfIndex::kNone});
      if (owner == datapath_.addresses.end() || fact.ip.address.IsLinkLocal() ||
          !IsAccepted(fact) || fact.scope != RT_SCOPE_UNIVERSE) {
        continue;
      }
      const auto home = datapath_.homes.find(owner->second.home);
      const GroupConfig* group = GroupOf(fact.link);
      if (home != datapath_.homes.end() && home->second.link == fact.link && group != nullptr &&
          group->source.choose == SourceChoice::kSpread && HasWire(home->second)) {
        candidates_.push_back({fact.ip, group, fact.flags});
      }
    }
  }

  template <typename Matches>
  Candidates Of(const GroupConfig* group, bool v4, Matches matches) const {
    Candidates found;
    std::copy_if(candidates_.begin(), candidates_.end(), std::back_inserter(found),
                 [&](const Candidate& candidate) {
                   return candidate.group == group && candidate.ip.address.IsV4() == v4 &&
                          matches(candidate);
                 });
    return found;
  }

  SourceSlots SlotsOf(Candidates candidates) {
    if (candidates.empty()) {
      return {};
    }
    const SourceConfig& source = candidates.front().group->source;
    const auto preferred = [&](const Candidate& c) { return Names(source.prefer, c.ip.address); };
    const auto avoided = [&](const Candidate& c) { return Names(source.avoid, c.ip.address); };
    candidates = While(candidates, [](const Candidate& c) { return !IsDeprecated(c); });
    candidates = While(candidates, preferred);
    candidates = While(candidates, [&](const Candidate& c) { return !avoided(c); });
    // IFA_F_TEMPORARY; the bit means another thing for IPv4.
    if (candidates.front().ip.address.IsV6() && !preferred(candidates.front())) {
      candidates =
          While(candidates, [](const Candidate& c) { return (c.flags & IFA_F_TEMPORARY) != 0; });
    }
    std::vector<std::pair<IpAddress, int>> weights;
    for (const Candidate& candidate : candidates) {
      const auto it =
          std::find_if(source.weights.begin(), source.weights.end(),
                       [&](const auto& entry) { return entry.first == candidate.ip.address; });
      weights.emplace_back(candidate.ip.address, it == source.weights.end() ? 1 : it->second);
    }
    std::sort(weights.begin(), weights.end());
    weights.erase(std::unique(weights.begin(), weights.end()), weights.end());
    const auto [known, added] = slots_.try_emplace(weights);
    if (added) {
      known->second = FillSlots(weights);
    }
    return known->second;
  }

  // Subnets of a group without a working wire are left out: who has another way takes it.
  void AddSubnets() {
    for (const Candidate& candidate : candidates_) {
      if (candidate.ip.length < candidate.ip.address.max_length()) {
        AddOnLink(candidate.group, candidate.ip.Network());
      }
    }
  }

  bool AddOnLink(const GroupConfig* group, const IpPrefix& network) {
    if (on_link_.contains(network)) {
      return true;
    }
    const bool v4 = network.address.IsV4();
    const Candidates in_it = Of(group, v4, [&network](const Candidate& candidate) {
      return network.Contains(candidate.ip.address);
    });
    const Candidates all = Of(group, v4, [](const Candidate&) { return true; });
    const SourceSlots slots = SlotsOf(in_it.empty() ? all : in_it);
    if (slots.empty()) {
      return false;
    }
    on_link_.insert(network);
    state_.routes[network] = slots;
    if (const IpAddress broadcast = network.Broadcast(); !broadcast.IsUnspecified()) {
      state_.routes[{broadcast, 32}] = {};
    }
    return true;
  }

  static bool IsUniqueLocal(const Candidate& candidate) {
    return UniqueLocal().Contains(candidate.ip.address);
  }

  bool AddThrough(const GroupConfig* group, const RouteFact& route) {
    const IpPrefix network = route.destination.Network();
    Candidates candidates =
        Of(group, network.address.IsV4(), [](const Candidate&) { return true; });
    candidates = While(candidates, [&route](const Candidate& candidate) {
      return candidate.ip.Contains(*route.gateway);
    });
    if (candidates.empty()) {
      return false;
    }
    const bool to_unique_local =
        network.address.IsV6() && network.length >= 7 && UniqueLocal().Contains(network.address);
    state_.routes[network] = SlotsOf(While(candidates, [&](const Candidate& candidate) {
      return IsUniqueLocal(candidate) == to_unique_local;
    }));
    if (network.address.IsV6() && network.length == 0) {
      state_.routes.try_emplace(UniqueLocal(), SlotsOf(While(candidates, IsUniqueLocal)));
    }
    return true;
  }

  void AddMainRoutes() {
    std::vector<RouteFact> routes;
    for (const RouteFact& route : facts_.routes) {
      if (route.table == RT_TABLE_MAIN && !route.destination.address.IsLinkLocal()) {
        routes.push_back(route);
      }
    }
    // The longest first, so that ::/0 finds what fc00::/7 has; then by preference.
    std::stable_sort(routes.begin(), routes.end(), [](const RouteFact& a, const RouteFact& b) {
      return std::pair(-a.destination.length, a.metric) <
             std::pair(-b.destination.length, b.metric);
    });
    std::set<IpPrefix> done;
    for (const RouteFact& route : routes) {
      const IpPrefix network = route.destination.Network();
      if (!done.contains(network) && AddMainRoute(route, network)) {
        done.insert(network);
      }
    }
  }

  // False: the group has no working wire, and the next route counts.
  bool AddMainRoute(const RouteFact& route, const IpPrefix& network) {
    const GroupConfig* group = GroupOf(route.link);
    if (group == nullptr || group->source.choose == SourceChoice::kRouting) {
      state_.routes.try_emplace(network);
      return true;
    }
    return route.gateway.has_value() ? AddThrough(group, route) : AddOnLink(group, network);
  }

  // Of managed ones the programs know.
  void AddOwnAddresses() {
    for (const AddressFact& fact : facts_.addresses) {
      const IpAddress& ip = fact.ip.address;
      if (!ip.IsLinkLocal() && !datapath_.addresses.contains({ip, IfIndex::kNone})) {
        state_.routes[{ip, ip.max_length()}] = {};
      }
    }
  }

  void NoteStrangers() {
    for (const GroupConfig& group : config_.groups) {
      std::vector<IpAddress> named = group.source.prefer;
      named.insert(named.end(), group.source.avoid.begin(), group.source.avoid.end());
      for (const auto& [ip, weight] : group.source.weights) {
        named.push_back(ip);
      }
      for (const IpAddress& ip : named) {
        const bool there = std::any_of(
            facts_.addresses.begin(), facts_.addresses.end(), [&](const AddressFact& fact) {
              return fact.ip.address == ip && GroupOf(fact.link) == &group;
            });
        if (!there) {
          problems_.push_back(absl::StrCat("[group.source] of group ", group.name, " names ",
                                           ip.ToString(),
                                           ", which no NIC of the group has now; add it, or take "
                                           "it out of the list"));
        }
      }
    }
  }

  const Config& config_;
  const Facts& facts_;
  const std::vector<Member>& members_;
  const DatapathState& datapath_;
  std::vector<std::string>& problems_;
  Candidates candidates_;
  absl::btree_map<std::vector<std::pair<IpAddress, int>>, SourceSlots> slots_;  // by weights
  std::set<IpPrefix> on_link_;
  SourceState state_;
};

}  // namespace

SourceState ChooseSources(const Config& config, const Facts& facts,
                          const std::vector<Member>& members, const DatapathState& datapath,
                          std::vector<std::string>& problems) {
  const bool asked = std::any_of(
      config.groups.begin(), config.groups.end(),
      [](const GroupConfig& group) { return group.source.choose == SourceChoice::kSpread; });
  return asked ? Chooser(config, facts, members, datapath, problems).Choose() : SourceState{};
}

}  // namespace stronghost
