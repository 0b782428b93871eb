#include "agent/observe/facts_events.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <utility>

#include "agent/base/ids.h"
#include "agent/netlink/canonical.h"
#include "agent/netlink/message.h"
#include "agent/netlink/parse.h"

namespace stronghost {
namespace {

constexpr uint8_t kDhcpProtocol = 16;  // RTPROT_DHCP

template <typename T, typename Predicate>
bool EraseIf(std::vector<T>& values, Predicate predicate) {
  const auto end = std::remove_if(values.begin(), values.end(), predicate);
  const bool any = end != values.end();
  values.erase(end, values.end());
  return any;
}

// The last word about a link that moves to another network namespace names that (IFLA_NEW_NETNSID).
bool IsElsewhere(const nlmsghdr& message) {
  bool found = false;
  ForEachAttribute(AttributeBytes(message, sizeof(ifinfomsg)),
                   [&found](uint16_t type, absl::Span<const char> /*payload*/) {
                     found |= type == IFLA_NEW_NETNSID;
                   });
  return found;
}

bool SameAddress(const AddressFact& a, const AddressFact& b) {
  return a.link == b.link && a.ip == b.ip;
}

// Equal but for the flags that the kernel sets by itself (RTNH_F_LINKDOWN, RTNH_F_DEAD ...), and
// for an IPv6 route's source. Two of these never differ by their source alone (fib6_add_rt2node()),
// and which of them still have one when an address moves depends on the kernel: on 6.1 those
// through the NIC that it leaves lose it, on 6.12 they keep it while any NIC has the address.
bool SameRoute(const RouteFact& a, const RouteFact& b) {
  const auto identity = [](const RouteFact& route) {
    RouteFact same = CanonicalRoute(route);
    if (same.destination.address.IsV6()) {
      same.source.reset();
    }
    return same;
  };
  return identity(a) == identity(b);
}

bool SameRouteKey(const RouteFact& a, const RouteFact& b) {
  return a.table == b.table && a.destination == b.destination && a.metric == b.metric;
}

class Applier {
 public:
  explicit Applier(Facts& facts) : facts_(facts) {}

  bool operator()(const LinkChanged& event) {
    LinkFact link = event.link;
    bool changed = false;
    const auto known = facts_.links.find(link.index);
    if (known != facts_.links.end() && link.driver.empty() && known->second.name == link.name) {
      link.driver = known->second.driver;
    }
    if (known == facts_.links.end() || known->second != link) {
      facts_.links[link.index] = link;
      changed = true;
    }
    if (!link.admin_up) {
      changed = EraseDeadRoutes(link.index, [](const RouteFact&) { return true; }) || changed;
    }
    return changed;
  }

  bool operator()(const LinkGone& event) {
    const bool routes = EraseRoutesOfGone(event.link);
    const bool addresses = EraseIf(
        facts_.addresses, [&](const AddressFact& address) { return address.link == event.link; });
    const bool multicast = facts_.multicast.erase(event.link) > 0;
    const bool link = facts_.links.erase(event.link) > 0;
    return routes || addresses || multicast || link;
  }

  bool operator()(const AddressChanged& event) {
    const auto known = std::find_if(
        facts_.addresses.begin(), facts_.addresses.end(),
        [&](const AddressFact& address) { return SameAddress(address, event.address); });
    if (known == facts_.addresses.end()) {
      facts_.addresses.push_back(event.address);
      return true;
    }
    return std::exchange(*known, event.address) != event.address;
  }

  bool operator()(const AddressGone& event) {
    const bool address = EraseIf(facts_.addresses, [&](const AddressFact& known) {
      return SameAddress(known, event.address);
    });
    if (event.address.ip.address.IsV6()) {
      ForgetSource(event.address);
      return address;
    }
    return EraseRoutesOf(event.address) || address;
  }

  bool operator()(const RouteChanged& event) {
    const auto known =
        std::find_if(facts_.routes.begin(), facts_.routes.end(),
                     [&](const RouteFact& route) { return SameRoute(route, event.route); });
    const bool present = known != facts_.routes.end();
    bool replaced = false;
    if (present) {
      replaced = known->preference != event.route.preference || known->source != event.route.source;
      *known = event.route;
    }
    if (event.replaces) {
      replaced |= EraseIf(facts_.routes, [&](const RouteFact& route) {
        return SameRouteKey(route, event.route) && !SameRoute(route, event.route);
      });
    }
    if (present || !IsWatchedRoute(event.route)) {
      return replaced;
    }
    facts_.routes.push_back(event.route);
    return true;
  }

  bool operator()(const RouteGone& event) {
    return EraseIf(facts_.routes,
                   [&](const RouteFact& route) { return SameRoute(route, event.route); });
  }

  bool operator()(const RuleChanged& event) {
    if (std::find(facts_.rules.begin(), facts_.rules.end(), event.rule) != facts_.rules.end()) {
      return false;
    }
    facts_.rules.push_back(event.rule);
    return true;
  }

  bool operator()(const RuleGone& event) {
    return EraseIf(facts_.rules, [&](const RuleFact& rule) { return rule == event.rule; });
  }

  bool operator()(const Resync& /*event*/) { return true; }

 private:
  // The kernel drops a route when its link goes down; of one with several hops it keeps all while
  // one is alive.
  template <typename Matches>
  bool EraseDeadRoutes(IfIndex down, Matches matches) {
    const std::vector<RouteFact> routes = facts_.routes;
    return EraseIf(facts_.routes, [&](const RouteFact& route) {
      if (!matches(route) || !route.multipath) {
        return matches(route) && route.link == down;
      }
      bool goes_through = false;
      bool alive = false;
      for (const RouteFact& hop : routes) {
        if (hop.multipath && SameRouteKey(hop, route)) {
          goes_through = goes_through || hop.link == down;
          alive = alive || IsAlive(hop);
        }
      }
      return goes_through && !alive;
    });
  }

  bool IsAlive(const RouteFact& hop) const {
    const auto link = facts_.links.find(hop.link);
    return link != facts_.links.end() && link->second.admin_up &&
           (hop.destination.address.IsV6() || HasIpv4(hop.link));
  }

  bool HasIpv4(IfIndex link) const {
    return std::any_of(facts_.addresses.begin(), facts_.addresses.end(),
                       [link](const AddressFact& address) {
                         return address.link == link && address.ip.address.IsV4();
                       });
  }

  // With a link goes every IPv4 route that has a hop through it; of an IPv6 one, that hop.
  bool EraseRoutesOfGone(IfIndex gone) {
    const std::vector<RouteFact> routes = facts_.routes;
    return EraseIf(facts_.routes, [&](const RouteFact& route) {
      return route.link == gone ||
             (route.multipath && route.destination.address.IsV4() &&
              std::any_of(routes.begin(), routes.end(), [&](const RouteFact& hop) {
                return hop.multipath && hop.link == gone && SameRouteKey(hop, route);
              }));
    });
  }

  // The kernel takes the preferred source off IPv6 routes when the address goes, and says nothing.
  void ForgetSource(const AddressFact& gone) {
    for (RouteFact& route : facts_.routes) {
      if (route.link == gone.link && route.source == gone.ip.address) {
        route.source.reset();
      }
    }
  }

  // IPv4 routes that went with an address without being announced: those of table main with it as
  // their source, and all through a link that has none left.
  bool EraseRoutesOf(const AddressFact& gone) {
    const bool is_local =
        std::any_of(facts_.addresses.begin(), facts_.addresses.end(),
                    [&](const AddressFact& left) { return left.ip.address == gone.ip.address; });
    bool changed = !is_local && EraseIf(facts_.routes, [&](const RouteFact& route) {
      return route.table == RT_TABLE_MAIN && route.source == gone.ip.address;
    });
    if (!HasIpv4(gone.link)) {
      changed |= EraseDeadRoutes(
          gone.link, [](const RouteFact& route) { return route.destination.address.IsV4(); });
    }
    return changed;
  }

  Facts& facts_;
};

void DecodeRoutes(const nlmsghdr& message, std::vector<KernelEvent>& events) {
  bool replaces = (message.nlmsg_flags & NLM_F_REPLACE) != 0;
  for (const RouteFact& route : ParseRoutes(message)) {
    // One that is left out may still take the place of one that isn't.
    if (!IsWatchedRoute(route) && !(replaces && route.table == RT_TABLE_MAIN)) {
      continue;
    }
    if (message.nlmsg_type == RTM_NEWROUTE) {
      // Only the first hop of several clears away what was there.
      events.emplace_back(RouteChanged{route, std::exchange(replaces, false)});
    } else {
      events.emplace_back(RouteGone{route});
    }
  }
}

template <typename Changed, typename Gone, typename Fact>
void AddEvent(bool gone, std::optional<Fact> fact, std::vector<KernelEvent>& events) {
  if (!fact.has_value()) {
    return;
  }
  if (gone) {
    events.emplace_back(Gone{*std::move(fact)});
  } else {
    events.emplace_back(Changed{*std::move(fact)});
  }
}

}  // namespace

bool IsWatchedRoute(const RouteFact& route) {
  if (route.table == RT_TABLE_MAIN) {
    const bool by_hand = route.protocol == RTPROT_BOOT || route.protocol == RTPROT_STATIC ||
                         route.protocol == kRouteProtocol || route.protocol == kDhcpProtocol ||
                         route.protocol == RTPROT_RA;
    return by_hand || route.destination.length == 0 || !route.gateway.has_value();
  }
  return route.table > kTableBase && route.table <= kHostDefaultTable;
}

void DecodeEvent(const nlmsghdr& message, std::vector<KernelEvent>& events) {
  switch (message.nlmsg_type) {
    case RTM_NEWLINK:
      if (auto link = ParseLink(message); link.has_value()) {
        events.emplace_back(LinkChanged{*std::move(link)});
      }
      break;
    case RTM_DELLINK:
      if (auto link = ParseLink(message); link.has_value()) {
        events.emplace_back(LinkGone{link->index, IsElsewhere(message)});
      }
      break;
    case RTM_NEWADDR:
    case RTM_DELADDR:
      AddEvent<AddressChanged, AddressGone>(message.nlmsg_type == RTM_DELADDR,
                                            ParseAddress(message), events);
      break;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      DecodeRoutes(message, events);
      break;
    case RTM_NEWRULE:
    case RTM_DELRULE:
      AddEvent<RuleChanged, RuleGone>(message.nlmsg_type == RTM_DELRULE, ParseRule(message),
                                      events);
      break;
    default:
      break;
  }
}

bool ApplyEvent(Facts& facts, const KernelEvent& event) {
  return std::visit(Applier(facts), event);
}

}  // namespace stronghost
