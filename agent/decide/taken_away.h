// Addresses that went from a NIC while it had no carrier. Network managers take them off such a NIC
// unless they are told not to; the agent follows them, and nobody serves the addresses: that must
// not happen silently. A restart of the agent forgets them.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "agent/base/net_types.h"
#include "agent/decide/desired.h"
#include "agent/decide/facts.h"

namespace stronghost {

class TakenAway {
 public:
  // What was served, what is served from now on, and the machine as it is. Returns the problems
  // that are new or have changed. Addresses that are somewhere, link-local ones, and those of NICs
  // that are set down or gone (they live elsewhere then) or no members are none; so one ends.
  std::vector<std::string> Note(const DatapathState& before, const DatapathState& after,
                                const Facts& facts);
  // A line a NIC, with the mend.
  [[nodiscard]] std::vector<std::string> Problems() const;

 private:
  struct Loss {
    std::string nic;
    std::set<IpAddress> addresses;

    [[nodiscard]] std::string Problem() const;
  };
  absl::btree_map<IfIndex, Loss> losses_;
};

}  // namespace stronghost
