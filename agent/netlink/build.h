// Requests to rtnetlink, ready to be sent. Pure; nothing is validated beyond what the types hold,
// the kernel does that.
#pragma once

#include <cstdint>
#include <vector>

#include "agent/decide/desired.h"
#include "agent/decide/facts.h"
#include "agent/netlink/message.h"

namespace stronghost {

// Adds; an address that is there already answers EEXIST and stays as it is. Of `flags` only those
// count that a user may set (IFA_F_NODAD, IFA_F_NOPREFIXROUTE ...), so a fact that was read from
// the kernel can be given back.
NetlinkMessage AddAddressRequest(const AddressFact& address);
NetlinkMessage DeleteAddressRequest(const AddressFact& address);

enum class RouteChange {
  kAdd,      // EEXIST if the table has this destination with this metric
  kReplace,  // exchanges that one in one step, or adds
};
// Routes and rules go through CanonicalRoute() and CanonicalRule() first.
NetlinkMessage AddRouteRequest(const RouteFact& route, RouteChange change);
// Deletes exactly this one: next hop, metric and protocol have to agree. ESRCH if it is not there.
NetlinkMessage DeleteRouteRequest(const RouteFact& route);

// EEXIST if an equal rule exists.
NetlinkMessage AddRuleRequest(const RuleFact& rule);
// ENOENT if it is not there.
NetlinkMessage DeleteRuleRequest(const RuleFact& rule);

// Makes the NIC itself accept frames to `mac` (NTF_SELF). EEXIST if it does already: then the entry
// is somebody else's, e.g. a multicast group that the stack joined, and not to be deleted.
NetlinkMessage AddFilterRequest(const FilterEntry& entry);
// ENOENT if it is not there.
NetlinkMessage DeleteFilterRequest(const FilterEntry& entry);

NetlinkMessage SetLinkGroupRequest(IfIndex link, uint32_t group);
NetlinkMessage SetLinkUpRequest(IfIndex link, bool up);
// `state` is NUD_*: NUD_PERMANENT, NUD_REACHABLE, NUD_STALE. An existing entry is overwritten.
NetlinkMessage SetNeighborRequest(IfIndex link, const IpAddress& ip, const MacAddress& mac,
                                  uint16_t state);
// EEXIST where the link has an entry for it, of whatever state.
NetlinkMessage AddNeighborRequest(const NeighborFact& neighbor);

// One link, without statistics. Answered by RTM_NEWLINK, or by ENODEV.
NetlinkMessage GetLinkRequest(IfIndex link);

// For NetlinkSocket::Dump. Routes: unicast ones of all tables.
NetlinkMessage DumpLinksRequest();
NetlinkMessage DumpAddressesRequest();
NetlinkMessage DumpRoutesRequest(int family);
NetlinkMessage DumpRulesRequest(int family);
NetlinkMessage DumpFiltersRequest(IfIndex link);
// Makes the kernel ask for the neighbour (NTF_USE), whatever it knows of it.
NetlinkMessage ResolveNeighborRequest(IfIndex link, const IpAddress& ip);
NetlinkMessage DumpNeighborsRequest();  // both families

}  // namespace stronghost
