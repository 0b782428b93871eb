#include "agent/decide/host_default.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <tuple>

#include "agent/base/ids.h"

namespace stronghost {
namespace {

class HostDefault {
 public:
  HostDefault(const Facts& facts, const std::vector<Member>& members, const DeadGateways& dead,
              KernelState& state, bool v4)
      : facts_(facts), members_(members), dead_(dead), state_(state), v4_(v4) {}

  void Add() {
    const std::vector<RouteFact> main = DefaultsOfMain();
    const auto broken = std::find_if(main.begin(), main.end(), [&](const RouteFact& route) {
      return route.metric == main.front().metric && IsDead(route);
    });
    if (broken == main.end() || !MemberOf(broken->link)->routed) {
      return;
    }
    const uint32_t home_table = kTableBase + static_cast<uint32_t>(MemberOf(broken->link)->home);
    std::vector<RouteFact> ways;
    for (const RouteFact& route : state_.routes) {
      const bool reaches_gateway = route.destination.address.IsV6() && !route.gateway &&
                                   route.destination.length == IpAddress().max_length();
      if (route.table == home_table && route.destination.address.IsV4() == v4_ &&
          (IsDefault(route) || reaches_gateway)) {
        ways.push_back(route);
      }
    }
    std::sort(ways.begin(), ways.end(), ByMetric);
    for (const RouteFact& route : main) {
      const auto is_same = [&route](const RouteFact& way) {
        return IsDefault(way) && way.link == route.link && way.gateway == route.gateway;
      };
      if (std::none_of(ways.begin(), ways.end(), is_same)) {
        ways.push_back(route);
      }
    }
    std::erase_if(ways, [this](const RouteFact& route) { return IsDead(route); });
    if (std::none_of(ways.begin(), ways.end(), IsDefault)) {
      return;
    }
    uint32_t metric = kFirstMetric;
    for (RouteFact& route : ways) {
      route.table = kHostDefaultTable;
      route.protocol = kRouteProtocol;
      route.multipath = false;
      route.metric = metric++;
      state_.routes.push_back(route);
    }
    AddRules();
  }

 private:
  static constexpr uint32_t kFirstMetric = 1024;

  static bool IsDefault(const RouteFact& route) {
    return route.destination.length == 0 && route.gateway.has_value();
  }
  static bool ByMetric(const RouteFact& a, const RouteFact& b) {
    return std::tie(a.metric, a.preference) < std::tie(b.metric, b.preference);
  }

  // The kernel's, and those that the agent puts there for a NIC that is gone.
  std::vector<RouteFact> DefaultsOfMain() const {
    std::vector<RouteFact> found;
    const auto take = [&](const RouteFact& route) {
      if (route.table == RT_TABLE_MAIN && IsDefault(route) &&
          route.destination.address.IsV4() == v4_) {
        found.push_back(route);
      }
    };
    for (const RouteFact& route : facts_.routes) {
      if (route.protocol != kRouteProtocol) {
        take(route);
      }
    }
    std::for_each(state_.routes.begin(), state_.routes.end(), take);
    std::stable_sort(found.begin(), found.end(), ByMetric);
    return found;
  }

  const Member* MemberOf(IfIndex link) const {
    for (const Member& member : members_) {
      if (member.link != nullptr && member.link->index == link && member.home != HomeIndex::kNone) {
        return &member;
      }
    }
    return nullptr;
  }

  bool IsDead(const RouteFact& route) const {
    const Member* member = MemberOf(route.link);
    return member != nullptr && route.gateway.has_value() &&
           dead_.contains({member->name, *route.gateway});
  }

  void AddRules() {
    RuleFact rule{.family = v4_ ? AF_INET : AF_INET6,
                  .priority = kRulePriorityHostDefault,
                  .table = RT_TABLE_MAIN,
                  .suppress_prefix_length = 0,
                  .protocol = kRouteProtocol};
    state_.rules.push_back(rule);
    rule.suppress_prefix_length.reset();
    rule.priority = kRulePriorityHostDefault + 1;
    rule.table = kHostDefaultTable;
    state_.rules.push_back(rule);
  }

  const Facts& facts_;
  const std::vector<Member>& members_;
  const DeadGateways& dead_;
  KernelState& state_;
  bool v4_;
};

}  // namespace

void AddHostDefault(const Facts& facts, const std::vector<Member>& members,
                    const DeadGateways& dead, KernelState& state) {
  for (const bool v4 : {true, false}) {
    HostDefault(facts, members, dead, state, v4).Add();
  }
}

}  // namespace stronghost
