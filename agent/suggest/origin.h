// Who gave an address or a default route, as far as the kernel tells. Pure.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "agent/decide/facts.h"

namespace stronghost {

// "static", "DHCP, 118 s left", "router advertisement, 86390 s left", ... `now`: CLOCK_MONOTONIC.
std::string OriginOf(const AddressFact& address, const Facts& facts, absl::Time now);

// Who made a default route, if it comes and goes without the administrator's doing: "DHCP",
// "router advertisement", "a routing daemon"; "" for one that a person or a start script made.
// dhclient's script makes routes like a person: a gateway in the subnet of a leased address is
// taken to be of the lease.
std::string FollowedSource(const RouteFact& route, const Facts& facts);

}  // namespace stronghost
