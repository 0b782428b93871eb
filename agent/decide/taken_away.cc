#include "agent/decide/taken_away.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/decide/address_managers.h"

namespace stronghost {
namespace {

// Homes' own NICs that are set up and have no carrier.
std::set<IfIndex> DeadNics(const DatapathState& state, const Facts& facts) {
  std::set<IfIndex> dead;
  for (const auto& [index, home] : state.homes) {
    const auto it = facts.links.find(home.link);
    if (it != facts.links.end() && it->second.admin_up && !it->second.carrier) {
      dead.insert(home.link);
    }
  }
  return dead;
}

bool IsSomewhere(const Facts& facts, const IpAddress& address) {
  return std::any_of(facts.addresses.begin(), facts.addresses.end(),
                     [&address](const AddressFact& fact) { return fact.ip.address == address; });
}

}  // namespace

std::vector<std::string> TakenAway::Note(const DatapathState& before, const DatapathState& after,
                                         const Facts& facts) {
  const std::set<IfIndex> dead = DeadNics(after, facts);
  if (dead.empty()) {
    losses_.clear();
    return {};
  }
  const auto is_found = [&](const IpAddress& address) {
    return after.addresses.contains({.address = address}) || IsSomewhere(facts, address);
  };
  for (auto it = losses_.begin(); it != losses_.end();) {
    std::erase_if(it->second.addresses, is_found);
    const bool over = it->second.addresses.empty() || !dead.contains(it->first);
    it = over ? losses_.erase(it) : std::next(it);
  }
  std::set<IfIndex> changed;
  for (const auto& [key, owner] : before.addresses) {
    const auto home = before.homes.find(owner.home);
    if (key.address.IsLinkLocal() || home == before.homes.end() ||
        !dead.contains(home->second.link) || is_found(key.address)) {
      continue;
    }
    const IfIndex link = home->second.link;
    Loss& loss = losses_[link];
    loss.nic = facts.links.at(link).name;
    if (loss.addresses.insert(key.address).second) {
      changed.insert(link);
    }
  }
  std::vector<std::string> problems;
  for (const IfIndex link : changed) {
    problems.push_back(losses_.at(link).Problem());
  }
  return problems;
}

std::vector<std::string> TakenAway::Problems() const {
  std::vector<std::string> problems;
  for (const auto& [link, loss] : losses_) {
    problems.push_back(loss.Problem());
  }
  return problems;
}

std::string TakenAway::Loss::Problem() const {
  constexpr size_t kNamed = 4;
  std::vector<std::string> names;
  for (auto it = addresses.begin(); it != addresses.end() && names.size() < kNamed; ++it) {
    names.push_back(it->ToString());
  }
  if (addresses.size() > kNamed) {
    names.push_back(absl::StrCat(addresses.size() - kNamed, " more"));
  }
  const bool one = addresses.size() == 1;
  const auto append_manager = [](std::string* out, const AddressManager& manager) {
    absl::StrAppend(out, manager.name, " by ", manager.setting);
  };
  return absl::StrCat(absl::StrJoin(names, ", "), one ? " was" : " were", " taken off ", nic,
                      ", which has no carrier, and nobody serves ", one ? "it" : "them",
                      " now; have what manages its addresses keep them meanwhile, ",
                      absl::StrJoin(kAddressManagers, ", ", append_manager));
}

}  // namespace stronghost
