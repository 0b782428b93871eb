#include "agent/serve/report.h"

#include <algorithm>
#include <utility>

namespace stronghost {

std::vector<StandInReport> StandIns(const GroupReport& group) {
  absl::btree_map<std::pair<std::string, std::string>, StandInReport> found;
  for (const AddressReport& address : group.addresses) {
    if (address.wire.empty() || address.wire == address.home) {
      continue;
    }
    StandInReport& stand_in = found[{address.home, address.wire}];
    stand_in.home = address.home;
    stand_in.wire = address.wire;
    ++stand_in.addresses;
    stand_in.since = std::max(stand_in.since, address.since);
  }
  std::vector<StandInReport> list;
  list.reserve(found.size());
  for (auto& [key, stand_in] : found) {
    list.push_back(std::move(stand_in));
  }
  return list;
}

std::vector<RelocatedReport> Relocated(const GroupReport& group) {
  absl::btree_map<std::pair<std::string, std::string>, uint64_t> found;
  for (const AddressReport& address : group.addresses) {
    if (!address.origin.empty()) {
      ++found[{address.origin, address.home}];
    }
  }
  std::vector<RelocatedReport> list;
  list.reserve(found.size());
  for (const auto& [way, addresses] : found) {
    list.push_back({.origin = way.first, .home = way.second, .addresses = addresses});
  }
  return list;
}

}  // namespace stronghost
