// The way of what has no managed source while the gateway of table main's default route is dead
// (RFC 1122 section 3.3.1.5): sockets that chose no address yet, masqueraded containers. Pure.
//
// Table main is not touched. A table of the agent's own holds the other ways, the preferred one
// first: those of the NIC's own home, which keep the source address, then the default routes of
// table main that are left. A rule leads there just before table main, whose other routes still
// come first: so rules of VPNs and the like come before both.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/decide/desired.h"
#include "agent/decide/facts.h"
#include "agent/decide/members.h"

namespace stronghost {

// Gateways that do not work for a home now, by its name.
using DeadGateways = std::set<std::pair<std::string, IpAddress>>;

// Adds the rules and the table to `state`, which has the homes' tables; nothing for a family whose
// preferred default route leads through no member, or to a gateway that works, or where there is no
// other way, and none for groups without policy rules.
void AddHostDefault(const Facts& facts, const std::vector<Member>& members,
                    const DeadGateways& dead, KernelState& state);

}  // namespace stronghost
