#include "agent/observe/neighbor_memory.h"

#include <linux/neighbour.h>

#include <algorithm>
#include <set>

namespace stronghost {
namespace {

constexpr uint16_t kResolved = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT;

}  // namespace

void NeighborMemory::Seen(const NeighborFact& neighbor, absl::Time now) {
  Prune(now);
  if ((neighbor.state & kResolved) != 0 && !neighbor.mac.IsZero() && !neighbor.ip.IsMulticast()) {
    entries_[{neighbor.link, neighbor.ip}] = {.neighbor = neighbor};
    failed_.erase({neighbor.link, neighbor.ip});
    return;
  }
  entries_.erase({neighbor.link, neighbor.ip});
  if ((neighbor.state & NUD_FAILED) != 0) {
    failed_[{neighbor.link, neighbor.ip}] = now;
  }
}

void NeighborMemory::Dropped(IfIndex link, const IpAddress& ip, absl::Time now) {
  Prune(now);
  if (const auto failed = failed_.find({link, ip});
      failed != failed_.end() && failed->second + kDeletedWithin > now) {
    failed_.erase(failed);
  }
  const auto known = entries_.find({link, ip});
  if (known != entries_.end()) {
    known->second.dropped = std::min(known->second.dropped, now);
  }
}

void NeighborMemory::Replace(const std::vector<NeighborFact>& neighbors, absl::Time now) {
  std::set<std::pair<IfIndex, IpAddress>> listed;
  for (const NeighborFact& neighbor : neighbors) {
    listed.emplace(neighbor.link, neighbor.ip);
    Seen(neighbor, now);
  }
  for (auto& [key, entry] : entries_) {
    if (!listed.contains(key)) {
      entry.dropped = std::min(entry.dropped, now);
    }
  }
}

std::vector<NeighborFact> NeighborMemory::On(IfIndex link, absl::Time now) const {
  std::vector<NeighborFact> neighbors;
  for (auto it = entries_.lower_bound({link, IpAddress()});
       it != entries_.end() && it->first.first == link; ++it) {
    if (now - kDroppedKept <= it->second.dropped) {
      neighbors.push_back(it->second.neighbor);
    }
  }
  return neighbors;
}

bool NeighborMemory::HasFailed(IfIndex link, const IpAddress& ip, absl::Time now) const {
  const auto found = failed_.find({link, ip});
  return found != failed_.end() && found->second + kDeletedWithin <= now &&
         now <= found->second + kDroppedKept;
}

std::optional<MacAddress> NeighborMemory::MacOf(IfIndex link, const IpAddress& ip) const {
  const auto found = entries_.find({link, ip});
  return found == entries_.end() ? std::nullopt : std::optional(found->second.neighbor.mac);
}

void NeighborMemory::Prune(absl::Time now) {
  if (pruned_ + kDroppedKept > now) {
    return;
  }
  pruned_ = now;
  absl::erase_if(entries_,
                 [now](const auto& entry) { return entry.second.dropped + kDroppedKept < now; });
  absl::erase_if(failed_, [now](const auto& entry) { return entry.second + kDroppedKept < now; });
}

}  // namespace stronghost
