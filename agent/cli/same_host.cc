#include "agent/cli/same_host.h"

namespace stronghost {

bool ServesThisHost(const StatusReport& report, const Facts& facts) {
  bool has_nics = false;
  for (const GroupReport& group : report.groups) {
    for (const NicReport& nic : group.nics) {
      const auto link = facts.links.find(nic.ifindex);
      has_nics |= nic.ifindex != IfIndex::kNone;
      if (link != facts.links.end() && link->second.name == nic.name &&
          link->second.mac == nic.mac) {
        return true;
      }
    }
  }
  return !has_nics;
}

}  // namespace stronghost
