// What the rest of the kernel should hold: routes and rules that agree with steering, the knobs
// that keep a dead home's neighbours and routes, and the MACs that members accept for siblings.
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "agent/base/ids.h"
#include "agent/decide/decide.h"
#include "agent/decide/main_routes.h"

namespace stronghost {
namespace {

constexpr uint32_t kFirstMetric = 1024;  // of default routes
constexpr uint32_t kDeadMetric = 2048;   // of those through gateways that do not answer

uint32_t TableOf(HomeIndex home) {
  return kTableBase + ToInt(home);
}

class KernelBuilder {
 public:
  KernelBuilder(const DecideInput& input, const std::vector<Member>& members,
                const DatapathState& datapath, const Inventory& inventory,
                std::vector<std::string>& problems)
      : input_(input),
        members_(members),
        datapath_(datapath),
        inventory_(inventory),
        problems_(problems) {}

  KernelState Build() {
    AddMainRoutes();
    std::vector<RouteFact> coming = state_.routes;
    coming.insert(coming.end(), state_.restored_routes.begin(), state_.restored_routes.end());
    main_routes_ = MainRoutes(input_.facts.routes, coming);
    for (const Member& member : members_) {
      if (member.home == HomeIndex::kNone) {
        continue;
      }
      AddSysctls(member);
      AddAddresses(member);
      AddFilters(member);
      if (member.routed) {
        state_.ifgroups[member.link->index] = kLinkGroup;
        AddTable(member, TableOf(member.home), {});
        AddGatewayTables(member);
      }
    }
    AddLeftAddresses();
    AddRules();
    AddHostDefault(input_.facts, members_, input_.paths.dead, state_);
    std::sort(state_.routes.begin(), state_.routes.end(), OnLinkFirst);
    state_.routes.erase(std::unique(state_.routes.begin(), state_.routes.end()),
                        state_.routes.end());
    std::sort(state_.rules.begin(), state_.rules.end());
    // An address that is a prefix as well has its first rule once.
    state_.rules.erase(std::unique(state_.rules.begin(), state_.rules.end()), state_.rules.end());
    std::sort(state_.filters.begin(), state_.filters.end());
    state_.filters.erase(std::unique(state_.filters.begin(), state_.filters.end()),
                         state_.filters.end());
    return std::move(state_);
  }

 private:
  void AddSysctls(const Member& member) {
    const std::string v4 = absl::StrCat("ipv4/conf/", member.name, "/");
    const std::string v6 = absl::StrCat("ipv6/conf/", member.name, "/");
    // An ARP request must carry an address of the NIC that asks, or the answer goes elsewhere.
    state_.sysctls.push_back({v4 + "arp_announce", "2"});
    // Carrier loss must not evict neighbours: packets would wait in the ARP queue and never meet
    // steer (Linux 5.16).
    state_.sysctls.push_back({v4 + "arp_evict_nocarrier", "0"});
    state_.sysctls.push_back({v6 + "ndisc_evict_nocarrier", "0"});
    // The stack must go on using a dead home's routes: the stand-in serves it.
    state_.sysctls.push_back({v4 + "ignore_routes_with_linkdown", "0"});
    state_.sysctls.push_back({v6 + "ignore_routes_with_linkdown", "0"});
  }

  void AddAddresses(const Member& member) {
    for (const AddressConfig& address : member.group->addresses) {
      if (address.home == member.name && address.ip.address.IsLinkLocal()) {
        state_.addresses.push_back({.link = member.link->index,
                                    .ip = address.ip,
                                    .flags = IFA_F_NODAD,
                                    .scope = RT_SCOPE_UNIVERSE});
      }
    }
    for (const auto& [ip, residence] : inventory_.addresses) {
      if (residence.home != member.name) {
        continue;
      }
      if (!residence.adopted) {
        const IpPrefix prefix{ip, residence.length};
        // Without carrier DAD would wait for ever and the address stay tentative.
        state_.addresses.push_back({.link = member.link->index,
                                    .ip = prefix,
                                    .flags = ip.IsV6() ? IFA_F_NODAD : 0U,
                                    .scope = RT_SCOPE_UNIVERSE,
                                    .broadcast = prefix.Broadcast()});
      } else if (!residence.settled && member.link->admin_up) {
        state_.moved.push_back(MovedFact(ip, residence, *member.link));
      }
    }
  }

  const Member* Named(const std::string& name) const {
    const Member* member = FindMember(members_, name);
    return member == nullptr || member->home == HomeIndex::kNone ? nullptr : member;
  }

  // Also on a NIC that was renamed: it is no member any more, and has what it had.
  void AddLeftAddresses() {
    for (const auto& [ip, residence] : inventory_.addresses) {
      const Member* keeper = Named(residence.home);
      if (keeper == nullptr) {
        continue;
      }
      std::set<std::string> nics = residence.left;
      nics.insert(residence.origin);
      for (const std::string& nic : nics) {
        const auto known = inventory_.nics.find(nic);
        if (nic != residence.home && known != inventory_.nics.end() &&
            known->second.link != IfIndex::kNone) {
          state_.left.push_back({known->second.link, ip, keeper->link->index});
        }
      }
    }
    std::sort(state_.left.begin(), state_.left.end());
    state_.left.erase(std::unique(state_.left.begin(), state_.left.end()), state_.left.end());
  }

  // Where the addresses of `nic` live while they are away; null: none is away.
  const Member* Host(const std::string& nic) const {
    for (const auto& [ip, residence] : inventory_.addresses) {
      if (residence.origin == nic && residence.relocated()) {
        return Named(residence.home);
      }
    }
    return nullptr;
  }

  bool IsThere(const RouteFact& wanted) const {
    return std::any_of(
        input_.facts.routes.begin(), input_.facts.routes.end(), [&wanted](const RouteFact& route) {
          return route.table == wanted.table && route.link == wanted.link &&
                 route.destination == wanted.destination && route.metric == wanted.metric;
        });
  }

  // The kernel drops a NIC's routes when it goes, and its IPv4 routes with its last IPv4 address.
  // They lead through the new home of its addresses meanwhile, and through itself again when these
  // are back.
  void AddMainRoutes() {
    for (const auto& [nic, known] : inventory_.nics) {
      const Member* host = Host(nic);
      const Member* self = Named(nic);
      const bool up = self != nullptr && self->link->admin_up;
      const bool keeps_v4 = up && KeepsIpv4(input_.facts, *self->link, nic, inventory_);
      state_.returned_routes.insert(state_.returned_routes.end(), known.returned.begin(),
                                    known.returned.end());
      for (RouteFact route : known.routes) {
        const bool kept = up && (route.destination.address.IsV6() || keeps_v4) && IsThere(route);
        if (host != nullptr && !kept) {
          route.link = host->link->index;
          state_.routes.push_back(route);
        } else if (host == nullptr && known.routes_lost && up) {
          state_.restored_routes.push_back(route);
        }
      }
    }
  }

  // Each member accepts its siblings' MACs beforehand (follow), and in both modes the multicast
  // MACs that they listen to: solicited-node groups above all.
  void AddFilters(const Member& member) {
    for (const auto& [index, home] : datapath_.homes) {
      const bool left_behind = !input_.facts.links.contains(home.link);
      if (left_behind && home.group == member.group_number && !member.stay) {
        state_.filters.push_back({member.link->index, home.mac});
      }
    }
    for (const Member& sibling : members_) {
      if (sibling.group != member.group || sibling.home == HomeIndex::kNone ||
          sibling.home == member.home) {
        continue;
      }
      if (!member.stay && sibling.link->mac != member.link->mac) {
        state_.filters.push_back({member.link->index, sibling.link->mac});
      }
      if (const auto it = input_.facts.multicast.find(sibling.link->index);
          it != input_.facts.multicast.end()) {
        for (const MacAddress& mac : it->second) {
          state_.filters.push_back({member.link->index, mac});
        }
      }
    }
  }

  // Subnets of the home's own addresses, those that are about to arrive included.
  std::vector<IpPrefix> SubnetsOf(const Member& member) const {
    std::vector<IpPrefix> subnets;
    for (const AddressFact& fact : input_.facts.addresses) {
      if (fact.link == member.link->index && !fact.ip.address.IsLinkLocal() &&
          fact.ip.length < fact.ip.address.max_length()) {
        subnets.push_back(fact.ip);
      }
    }
    for (const auto& [ip, residence] : inventory_.addresses) {
      if (residence.home == member.name && residence.length < ip.max_length()) {
        subnets.push_back({ip, residence.length});
      }
    }
    return subnets;
  }

  // Of its own, or about to arrive, or in a prefix; not link-local.
  bool HasAddress(const Member& member, bool v4) const {
    const auto& facts = input_.facts.addresses;
    const auto& known = inventory_.addresses;
    const auto& prefixes = datapath_.prefixes;
    return std::any_of(facts.begin(), facts.end(),
                       [&](const AddressFact& fact) {
                         return fact.link == member.link->index && fact.ip.address.IsV4() == v4 &&
                                !fact.ip.address.IsLinkLocal();
                       }) ||
           std::any_of(known.begin(), known.end(),
                       [&](const auto& entry) {
                         return entry.second.home == member.name && entry.first.IsV4() == v4;
                       }) ||
           std::any_of(prefixes.begin(), prefixes.end(), [&](const auto& entry) {
             return entry.second == member.home && entry.first.address.IsV4() == v4;
           });
  }

  // The home's subnets and its ways beyond them; by `gateways` alone if there are some, for an
  // address of their family.
  void AddTable(const Member& member, uint32_t table, absl::Span<const IpAddress> own_gateways) {
    std::vector<IpPrefix> on_link = SubnetsOf(member);
    absl::btree_map<IpPrefix, IpAddress> networks;  // network -> first address in it
    for (const IpPrefix& subnet : on_link) {
      networks.try_emplace(subnet.Network(), subnet.address);
    }
    LeastMetrics least_metrics;
    for (const auto& [network, address] : networks) {
      RouteFact route = Route(member, table, network);
      if (network.address.IsV4()) {
        route.source = address;
        route.scope = RT_SCOPE_LINK;
      }
      least_metrics[network] = route.metric + 1;
      state_.routes.push_back(route);
    }
    absl::Span<const RouteFact> others = main_routes_.Others(member.link->index);
    if (others.size() > kFollowedRoutes && own_gateways.empty()) {
      problems_.push_back(absl::StrCat(
          "sources of ", member.name, " use ", kFollowedRoutes, " of the ", others.size(),
          " routes that table main has through it, and its default gateways for all else; join "
          "some of the routes"));
    }
    others = others.subspan(0, kFollowedRoutes);
    for (const RouteFact& route : others) {
      if (!route.gateway.has_value()) {
        on_link.push_back(route.destination);
      }
    }
    for (const bool v4 : {true, false}) {
      // No rule leads here then.
      if (!HasAddress(member, v4)) {
        continue;
      }
      if (own_gateways.empty()) {
        AddDefaultRoutes(member, table, on_link, GatewaysOf(member, v4));
      } else if (own_gateways[0].IsV4() == v4) {
        AddDefaultRoutes(member, table, on_link, own_gateways);
      }
      for (const RouteFact& route : others) {
        if (route.destination.address.IsV4() == v4) {
          AddFollowedRoute(member, table, on_link, route, least_metrics[route.destination]);
        }
      }
    }
  }

  // A table for each address that has gateways of its own. Numbered by its place in the file, so
  // that no table changes hands when a NIC comes or goes.
  void AddGatewayTables(const Member& member) {
    uint32_t table = kGatewayTableBase;
    for (const GroupConfig& group : input_.config.groups) {
      for (const AddressConfig& address : group.addresses) {
        if (address.gateways.empty()) {
          continue;
        }
        const uint32_t mine = table++;
        const auto residence = inventory_.addresses.find(address.ip.address);
        if (residence == inventory_.addresses.end() || residence->second.home != member.name) {
          continue;
        }
        if (mine >= kGatewayTableBase + kGatewayTables) {
          problems_.push_back(absl::StrCat(address.ip.address.ToString(), " uses the gateways of ",
                                           member.name, ", not its own: no more than ",
                                           kGatewayTables, " addresses can have one"));
          continue;
        }
        AddTable(member, mine, address.gateways);
        table_of_address_[address.ip.address] = mine;
      }
    }
  }

  static RouteFact Route(const Member& member, uint32_t table, const IpPrefix& destination) {
    return {.table = table,
            .destination = destination,
            .link = member.link->index,
            .metric = destination.address.IsV6() ? 1024U : 0U,
            .protocol = kRouteProtocol};
  }

  void AddDefaultRoutes(const Member& member, uint32_t table, absl::Span<const IpPrefix> on_link,
                        absl::Span<const IpAddress> gateways) {
    uint32_t order = 0;
    for (const IpAddress& gateway : gateways) {
      RouteFact route = Route(member, table, {gateway.IsV4() ? IpAddress::V4(0) : IpAddress(), 0});
      route.gateway = gateway;
      // Behind the others, so that it is used where they fail as well.
      const bool dead = input_.paths.avoided.contains({member.name, gateway});
      route.metric = (dead ? kDeadMetric : kFirstMetric) + order++;
      AddWay(member, on_link, route);
    }
  }

  // A route that table main has through the home, with its metric, or the least that is free.
  void AddFollowedRoute(const Member& member, uint32_t table, absl::Span<const IpPrefix> on_link,
                        const RouteFact& followed, uint32_t& least_metric) {
    RouteFact route = Route(member, table, followed.destination);
    route.gateway = followed.gateway;
    route.metric = std::max(followed.metric, least_metric);
    least_metric = route.metric + 1;
    AddWay(member, on_link, route);
  }

  // Its gateway need not lie in a subnet of the home. IPv6 refuses RTNH_F_ONLINK for one that table
  // main reaches through a sibling, and takes a host route.
  void AddWay(const Member& member, absl::Span<const IpPrefix> on_link, RouteFact route) {
    const bool reached = !route.gateway.has_value() || route.gateway->IsLinkLocal() ||
                         std::any_of(on_link.begin(), on_link.end(), [&](const IpPrefix& subnet) {
                           return subnet.Contains(*route.gateway);
                         });
    if (!reached && route.gateway->IsV4()) {
      route.flags |= RTNH_F_ONLINK;
    } else if (!reached) {
      state_.routes.push_back(
          Route(member, route.table, {*route.gateway, route.gateway->max_length()}));
    }
    state_.routes.push_back(route);
  }

  // The configured ones; else those of the main table's default routes through the home.
  std::vector<IpAddress> GatewaysOf(const Member& member, bool v4) const {
    std::vector<IpAddress> gateways;
    for (const IpAddress& gateway : member.group->gateways) {
      if (gateway.IsV4() == v4) {
        gateways.push_back(gateway);
      }
    }
    return gateways.empty() ? main_routes_.DefaultGateways(member.link->index, v4) : gateways;
  }

  // Addresses with gateways of their own come first: without rules they would not use them.
  // Prefixes, which are few and hold many addresses, come next.
  void AddRules() {
    absl::btree_map<int, int> count;
    const auto add = [this, &count](const IpPrefix& from, uint32_t priority, uint32_t table) {
      if (++count[from.address.family()] <= kRuleAddressLimit) {
        AddRulesOf(from, priority, table);
      }
    };
    const auto add_addresses = [this, &add](bool with_gateway) {
      for (const auto& [key, owner] : datapath_.addresses) {
        if (!key.address.IsLinkLocal() && HasRules(owner.home) &&
            table_of_address_.contains(key.address) == with_gateway) {
          add({key.address, key.address.max_length()}, kRulePriorityHome,
              with_gateway ? table_of_address_.at(key.address) : TableOf(owner.home));
        }
      }
    };
    add_addresses(true);
    for (const auto& [prefix, home] : datapath_.prefixes) {
      if (HasRules(home)) {
        add(prefix, kRulePriorityPrefix, TableOf(home));
      }
    }
    add_addresses(false);
    for (const auto& [family, n] : count) {
      if (n > kRuleAddressLimit) {
        problems_.push_back(absl::StrCat(
            n - kRuleAddressLimit, " of ", n, family == AF_INET ? " IPv4" : " IPv6",
            " addresses and prefixes have no policy rule (the limit is ", kRuleAddressLimit,
            "): they rely on steering alone, so output rules of a firewall see the routed NIC"));
      }
    }
  }

  void AddRulesOf(const IpPrefix& from, uint32_t priority, uint32_t table) {
    RuleFact main{.family = from.address.family(),
                  .priority = kRulePriorityMain,
                  .from = from,
                  .table = RT_TABLE_MAIN,
                  .suppress_prefix_length = 0,
                  .suppress_ifgroup = kLinkGroup,
                  .protocol = kRouteProtocol};
    RuleFact own = main;
    own.priority = priority;
    own.table = table;
    own.suppress_prefix_length.reset();
    own.suppress_ifgroup.reset();
    state_.rules.push_back(main);
    state_.rules.push_back(own);
  }

  bool HasRules(HomeIndex home) const {
    return std::any_of(members_.begin(), members_.end(), [home](const Member& member) {
      return member.home == home && member.routed;
    });
  }

  // Of each destination in a table, above those that are taken.
  using LeastMetrics = absl::btree_map<IpPrefix, uint32_t>;
  // More would cost the kernel as much again in each table.
  static constexpr size_t kFollowedRoutes = 1024;

  const DecideInput& input_;
  const std::vector<Member>& members_;
  const DatapathState& datapath_;
  const Inventory& inventory_;
  std::vector<std::string>& problems_;
  MainRoutes main_routes_;
  absl::btree_map<IpAddress, uint32_t> table_of_address_;  // of those with gateways of their own
  KernelState state_;
};

}  // namespace

bool OnLinkFirst(const RouteFact& a, const RouteFact& b) {
  return std::pair(a.gateway.has_value(), a) < std::pair(b.gateway.has_value(), b);
}

KernelState DesiredKernel(const DecideInput& input, const std::vector<Member>& members,
                          const DatapathState& datapath, const Inventory& inventory,
                          std::vector<std::string>& problems) {
  return KernelBuilder(input, members, datapath, inventory, problems).Build();
}

}  // namespace stronghost
