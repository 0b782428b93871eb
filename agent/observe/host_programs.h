// What rtnetlink does not tell of a host and a suggestion has to know.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/base/net_types.h"
#include "agent/decide/facts.h"

namespace stronghost {

// Names of the address managers (systemd-networkd, NetworkManager, dhclient, dhcpcd ...) that run
// in the network namespace of the calling thread, each once. Processes whose namespace may not be
// looked at (another user's, without root) are not seen.
std::vector<std::string> RunningManagers();

// The wireless ones among `links`. /sys shows the network namespace of its mount: an interface
// counts only if it has the same number there.
std::set<IfIndex> WirelessLinks(const Facts& facts);

}  // namespace stronghost
