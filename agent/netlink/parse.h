// rtnetlink messages to facts. Pure. What is malformed, incomplete or of no use to the agent yields
// nothing. The nlmsg_len bytes of every message have to be readable (ForEachMessage sees to it).
// Each function takes the message that adds and the one that deletes (RTM_NEWLINK, RTM_DELLINK).
#pragma once

#include <linux/netlink.h>

#include <optional>
#include <vector>

#include "agent/decide/desired.h"
#include "agent/decide/facts.h"

namespace stronghost {

// `driver` stays empty: netlink does not tell it. The bridge's messages about its ports
// (AF_BRIDGE), which share the type and would look like the end of the NIC, and those about
// wireless events yield nothing. `parent` is not set for veth and its like, whose IFLA_LINK is the
// peer.
std::optional<LinkFact> ParseLink(const nlmsghdr& message);

std::optional<AddressFact> ParseAddress(const nlmsghdr& message);

// One fact per next hop; none for anything but unicast routes, nor for cached ones, nor for those
// with selectors that RouteFact has no room for (source prefix, TOS).
std::vector<RouteFact> ParseRoutes(const nlmsghdr& message);

// Nothing for rules with any selector or action that RuleFact has no room for, known to this
// program or not.
std::optional<RuleFact> ParseRule(const nlmsghdr& message);

// An entry of a NIC's own filter (NTF_SELF, AF_BRIDGE). `link` and `mac` only.
std::optional<FilterEntry> ParseFilter(const nlmsghdr& message);

// An entry of a neighbour cache, of either family.
std::optional<NeighborFact> ParseNeighbor(const nlmsghdr& message);

// The three things that a carrier poll wants of RTM_NEWLINK, read without copying the rest.
struct LinkState {
  IfIndex link = IfIndex::kNone;
  bool admin_up = false;
  bool carrier = false;  // IFLA_CARRIER
};
std::optional<LinkState> ParseLinkState(const nlmsghdr& message);

}  // namespace stronghost
