// How often somebody else's copy of an address is removed: he may add it again each time.
#pragma once

#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "agent/base/net_types.h"

namespace stronghost {

// At most kMost removals of one copy within kWindow. Pure: time comes in.
class RemovalLimit {
 public:
  using Copy = std::pair<IfIndex, IpAddress>;
  static constexpr size_t kMost = 5;
  static constexpr absl::Duration kWindow = absl::Minutes(1);
  // The news of a removal takes a moment; asked again within it, the answer is the same and counts
  // nothing.
  static constexpr absl::Duration kSame = absl::Milliseconds(100);

  // Whether to remove it now; counts if so.
  bool Take(const Copy& copy, absl::Time now) {
    std::vector<absl::Time>& taken = taken_[copy];
    if (!taken.empty() && now < taken.back() + kSame) {
      return true;
    }
    std::erase_if(taken, [now](absl::Time time) { return time + kWindow <= now; });
    if (taken.size() >= kMost) {
      return false;
    }
    taken.push_back(now);
    return true;
  }

  // The copy is one that was meant to be there: what comes now is another story.
  void Forget(const Copy& copy) { taken_.erase(copy); }

  // Forgets what is older than the window.
  void Prune(absl::Time now) {
    absl::erase_if(taken_, [now](const auto& entry) {
      return entry.second.empty() || entry.second.back() + kWindow <= now;
    });
  }

 private:
  absl::btree_map<Copy, std::vector<absl::Time>> taken_;
};

}  // namespace stronghost
