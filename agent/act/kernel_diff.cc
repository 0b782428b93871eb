#include "agent/act/kernel_diff.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "agent/base/ids.h"
#include "agent/decide/acceptance.h"
#include "agent/decide/main_routes.h"
#include "agent/netlink/canonical.h"

namespace stronghost {
namespace {

using AddressId = std::pair<IfIndex, IpPrefix>;

AddressId IdOf(const AddressFact& address) {
  return {address.link, address.ip};
}

// The kernel goes by the other end where there is one (inet_ifa_match()).
IpPrefix SubnetOf(const AddressFact& address) {
  return IpPrefix{address.peer.IsUnspecified() ? address.ip.address : address.peer,
                  address.ip.length}
      .Network();
}

bool SameSubnet(const AddressFact& a, const AddressFact& b) {
  return a.link == b.link && a.ip.address.IsV4() == b.ip.address.IsV4() &&
         SubnetOf(a) == SubnetOf(b);
}

// A fact without the protocol, in the kernel's spelling: equal ones do the same.
RouteFact Effect(const RouteFact& route) {
  RouteFact effect = CanonicalRoute(route);
  effect.protocol = 0;
  return effect;
}

RuleFact Effect(const RuleFact& rule) {
  RuleFact effect = CanonicalRule(rule);
  effect.protocol = 0;
  return effect;
}

using RouteKey = std::tuple<uint32_t, IpPrefix, uint32_t>;  // what the kernel holds one of

RouteKey KeyOf(const RouteFact& canonical) {
  return {canonical.table, canonical.destination, canonical.metric};
}

class Differ {
 public:
  Differ(const KernelState& desired, const Facts& actual,
         const std::vector<FilterEntry>& actual_filters, const AgentState& owned)
      : desired_(desired), actual_(actual), actual_filters_(actual_filters), owned_(owned) {
    for (const AddressFact& address : actual_.addresses) {
      present_.insert({address.link, address.ip.address});
      if (IsAccepted(address)) {
        accepted_.insert({address.link, address.ip.address});
      }
    }
    for (const LeftAddress& left : desired_.left) {
      left_[{left.link, left.ip}] = left.keeper;
      left_links_.insert(left.link);
    }
  }

  std::vector<KernelStep> Run() {
    DiffIfGroups();
    DiffFilters();
    DiffAddresses();
    DiffRoutes();
    DiffRules();
    std::move(deletions_.rbegin(), deletions_.rend(), std::back_inserter(steps_));
    return std::move(steps_);
  }

 private:
  bool Exists(IfIndex link) const { return actual_.links.contains(link); }

  void Delete(KernelStep step) { deletions_.push_back(std::move(step)); }  // made in reverse order

  void DiffIfGroups() {
    for (const auto& [link, group] : desired_.ifgroups) {
      const auto found = actual_.links.find(link);
      if (found != actual_.links.end() && found->second.ifgroup != group) {
        steps_.emplace_back(SetIfGroup{link, group});
      }
    }
    for (const auto& [link, original] : owned_.ifgroups) {
      const auto found = actual_.links.find(link.index);
      // Somebody who set another group meanwhile meant it.
      if (found != actual_.links.end() && found->second.name == link.name &&
          found->second.ifgroup == kLinkGroup && !desired_.ifgroups.contains(link.index)) {
        Delete(SetIfGroup{link.index, original, /*restore=*/true});
      }
    }
  }

  void DiffFilters() {
    const absl::btree_set<FilterEntry> wanted(desired_.filters.begin(), desired_.filters.end());
    const absl::btree_set<FilterEntry> present(actual_filters_.begin(), actual_filters_.end());
    for (const FilterEntry& filter : wanted) {
      if (Exists(filter.link) && !present.contains(filter)) {
        steps_.emplace_back(AddFilter{filter});
      }
    }
    for (const FilterEntry& filter : owned_.filters) {
      if (!wanted.contains(filter) && present.contains(filter)) {
        Delete(DeleteFilter{filter});
      }
    }
  }

  bool IsOwned(const AddressFact& address) const {
    const auto link = actual_.links.find(address.link);
    return link != actual_.links.end() &&
           owned_.addresses.contains(AddedAddress{link->second.name, address.ip});
  }

  // The IPv6 address itself on the same link, whatever its prefix length.
  const AddressFact* FindIpv6(const AddressFact& wanted) const {
    const auto found = std::find_if(
        actual_.addresses.begin(), actual_.addresses.end(), [&](const AddressFact& address) {
          return wanted.ip.address.IsV6() && address.link == wanted.link &&
                 address.ip.address == wanted.ip.address;
        });
    return found != actual_.addresses.end() ? &*found : nullptr;
  }

  void AddMoved() {
    for (const AddressFact& address : desired_.moved) {
      if (Exists(address.link) && !present_.contains({address.link, address.ip.address})) {
        steps_.emplace_back(AddAddress{address, /*moved=*/true});
      }
    }
  }

  // What moved away goes when it has arrived, whosever it was; else only what the agent added does.
  bool MayGo(const AddressFact& address) const {
    const auto left = left_.find({address.link, address.ip.address});
    return left != left_.end() ? accepted_.contains({left->second, address.ip.address})
                               : IsOwned(address);
  }

  void DiffAddresses() {
    absl::btree_set<AddressId> present;
    for (const AddressFact& address : actual_.addresses) {
      present.insert(IdOf(address));
    }
    AddMoved();
    absl::btree_set<AddressId> wanted;
    absl::btree_set<AddressId> deleted;
    for (const AddressFact& address : desired_.addresses) {
      if (!wanted.insert(IdOf(address)).second || present.contains(IdOf(address)) ||
          !Exists(address.link)) {
        continue;
      }
      if (const AddressFact* other = FindIpv6(address); other != nullptr) {
        if (!IsOwned(*other)) {
          continue;  // the kernel refuses a second one; his prefix length does no harm
        }
        steps_.emplace_back(DeleteAddress{*other, {}});
        deleted.insert(IdOf(*other));
      }
      steps_.emplace_back(AddAddress{address});
    }
    std::vector<AddressFact> leaving;
    for (const AddressFact& address : actual_.addresses) {
      if (MayGo(address) && !wanted.contains(IdOf(address)) &&
          deleted.insert(IdOf(address)).second) {
        leaving.push_back(address);
      }
    }
    for (const AddressFact& address : leaving) {
      Delete(DeleteAddress{address, Dependants(address, deleted)});
    }
  }

  // What the kernel may delete together with `first`, and should not.
  std::vector<AddressFact> Dependants(const AddressFact& first,
                                      const absl::btree_set<AddressId>& deleted) const {
    std::vector<AddressFact> keep;
    if (first.ip.address.IsV6() || (first.flags & IFA_F_SECONDARY) != 0) {
      return keep;
    }
    for (const AddressFact& address : actual_.addresses) {
      if ((address.flags & IFA_F_SECONDARY) != 0 && SameSubnet(address, first) &&
          !deleted.contains(IdOf(address))) {
        keep.push_back(address);
      }
    }
    for (const KernelStep& step : steps_) {
      const auto* added = std::get_if<AddAddress>(&step);
      if (added != nullptr && SameSubnet(added->address, first)) {
        keep.push_back(added->address);
      }
    }
    return keep;
  }

  bool IsReturned(const RouteFact& route) const {
    return std::any_of(desired_.returned_routes.begin(), desired_.returned_routes.end(),
                       [&route](const RouteFact& returned) {
                         return returned.link == route.link && SameWay(returned, route);
                       });
  }

  void DiffRoutes() {
    absl::btree_set<RouteFact> present;
    absl::btree_set<RouteFact> wanted;
    absl::btree_set<RouteKey> replaceable;  // held by a route of the agent's that has to go
    absl::btree_set<RouteKey> replaced;
    absl::btree_set<RouteFact> own;  // the agent's that have to go
    for (const RouteFact& route : desired_.routes) {
      wanted.insert(Effect(route));
    }
    for (const RouteFact& route : actual_.routes) {
      present.insert(Effect(route));
      if (route.protocol == kRouteProtocol && !wanted.contains(Effect(route))) {
        own.insert(Effect(route));
        replaceable.insert(KeyOf(CanonicalRoute(route)));
      }
    }
    // A NIC whose addresses move away loses its routes with them; and some went back to another.
    const auto goes = [this](const RouteFact& route) {
      return route.table == RT_TABLE_MAIN &&
             (left_links_.contains(route.link) || IsReturned(route));
    };
    for (const RouteFact& route : actual_.routes) {
      if (goes(route)) {
        replaceable.insert(KeyOf(CanonicalRoute(route)));
      }
    }
    for (const RouteFact& route : actual_.routes) {
      if (route.protocol != kRouteProtocol && !goes(route)) {
        replaceable.erase(KeyOf(CanonicalRoute(route)));  // the kernel might take his
      }
    }
    const auto add = [&](const RouteFact& route, uint8_t protocol) {
      const bool taken_back = protocol != kRouteProtocol && own.contains(Effect(route));
      if (!Exists(route.link) || (!present.insert(Effect(route)).second && !taken_back)) {
        return;
      }
      RouteFact added = CanonicalRoute(route);
      added.protocol = protocol;
      const bool replace = replaceable.erase(KeyOf(added)) > 0;
      if (replace) {
        replaced.insert(KeyOf(added));
      }
      steps_.emplace_back(AddRoute{added, replace});
    };
    for (const RouteFact& route : desired_.routes) {
      add(route, kRouteProtocol);
    }
    for (const RouteFact& route : desired_.restored_routes) {
      add(route, route.protocol);
    }
    for (const RouteFact& route : actual_.routes) {
      const bool may_go = route.protocol == kRouteProtocol || IsReturned(route);
      if (may_go && !wanted.contains(Effect(route)) &&
          !replaced.contains(KeyOf(CanonicalRoute(route)))) {
        Delete(DeleteRoute{route});
      }
    }
  }

  void DiffRules() {
    absl::btree_set<RuleFact> present;
    absl::btree_set<RuleFact> wanted;
    for (const RuleFact& rule : actual_.rules) {
      present.insert(Effect(rule));
    }
    for (const RuleFact& rule : desired_.rules) {
      const RuleFact effect = Effect(rule);
      if (!wanted.insert(effect).second || present.contains(effect)) {
        continue;
      }
      RuleFact added = effect;
      added.protocol = kRouteProtocol;
      steps_.emplace_back(AddRule{added});
    }
    absl::btree_set<RuleFact> kept;  // the kernel allows several equal ones; one is enough
    for (const RuleFact& rule : actual_.rules) {
      const RuleFact effect = Effect(rule);
      if (rule.protocol == kRouteProtocol &&
          (!wanted.contains(effect) || !kept.insert(effect).second)) {
        Delete(DeleteRule{rule});
      }
    }
  }

  const KernelState& desired_;
  const Facts& actual_;
  const std::vector<FilterEntry>& actual_filters_;
  const AgentState& owned_;
  absl::btree_set<std::pair<IfIndex, IpAddress>> present_;
  absl::btree_set<std::pair<IfIndex, IpAddress>> accepted_;
  absl::btree_map<std::pair<IfIndex, IpAddress>, IfIndex> left_;  // -> keeper
  absl::btree_set<IfIndex> left_links_;
  std::vector<KernelStep> steps_;
  std::vector<KernelStep> deletions_;
};

}  // namespace

std::vector<KernelStep> DiffKernel(const KernelState& desired, const Facts& actual,
                                   const std::vector<FilterEntry>& actual_filters,
                                   const AgentState& owned) {
  return Differ(desired, actual, actual_filters, owned).Run();
}

}  // namespace stronghost
