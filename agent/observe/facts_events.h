// What the kernel announces, as values, and how a snapshot is kept current with it. Pure.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <variant>
#include <vector>

#include "agent/decide/facts.h"

namespace stronghost {

struct LinkChanged {
  LinkFact link;  // the whole link, new or changed
  bool operator==(const LinkChanged&) const = default;
};
struct LinkGone {
  IfIndex link = IfIndex::kNone;
  bool elsewhere = false;  // moved to another network namespace
  bool operator==(const LinkGone&) const = default;
};
struct AddressChanged {
  AddressFact address;
  bool operator==(const AddressChanged&) const = default;
};
struct AddressGone {
  AddressFact address;
  bool operator==(const AddressGone&) const = default;
};
struct RouteChanged {
  RouteFact route;  // one next hop
  bool replaces =
      false;  // all that had this table, destination and metric are gone (NLM_F_REPLACE)
  bool operator==(const RouteChanged&) const = default;
};
struct RouteGone {
  RouteFact route;
  bool operator==(const RouteGone&) const = default;
};
struct RuleChanged {
  RuleFact rule;
  bool operator==(const RuleChanged&) const = default;
};
struct RuleGone {
  RuleFact rule;
  bool operator==(const RuleGone&) const = default;
};
// Something was lost: read a new snapshot.
struct Resync {
  bool operator==(const Resync&) const = default;
};

using KernelEvent = std::variant<LinkChanged, LinkGone, AddressChanged, AddressGone, RouteChanged,
                                 RouteGone, RuleChanged, RuleGone, Resync>;

// Routes that matter: all of the agent's tables, and of table main the default routes, those
// without a gateway, and those that a person, a network manager or the agent set. A router's
// million others are left out.
bool IsWatchedRoute(const RouteFact& route);

// Appends the events of one notification: none if it is of no use or malformed, several for a
// route of several hops. The driver of a link stays empty.
void DecodeEvent(const nlmsghdr& message, std::vector<KernelEvent>& events);

// Brings `facts` up to `event`. True if facts changed in anything but route flags that come and go
// with the carrier. Resync changes nothing and returns true: the snapshot is to be read again.
//
// The kernel removes IPv4 routes without a word when their interface goes down, when its last IPv4
// address goes and when their preferred source is no longer an address of the host
// (fib_sync_down_dev, fib_disable_ip, fib_sync_down_addr in net/ipv4/fib_*.c); that is done here as
// well.
//
// An event that is older than the snapshot does no harm, but for that guess about IPv4 routes: take
// snapshots by NetlinkMonitor::Snapshot().
bool ApplyEvent(Facts& facts, const KernelEvent& event);

}  // namespace stronghost
