#include "agent/decide/taken_away.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/decide/address_managers.h"

namespace stronghost {
namespace {

bool IsDead(const Facts& facts, IfIndex link) {
  const auto it = facts.links.find(link);
  return it != facts.links.end() && it->second.admin_up && !it->second.carrier;
}

bool IsHome(const DatapathState& state, IfIndex link) {
  return std::any_of(state.homes.begin(), state.homes.end(),
                     [link](const auto& entry) { return entry.second.link == link; });
}

bool IsSomewhere(const Facts& facts, const IpAddress& address) {
  return std::any_of(facts.addresses.begin(), facts.addresses.end(),
                     [&address](const AddressFact& fact) { return fact.ip.address == address; });
}

}  // namespace

std::vector<std::string> TakenAway::Note(const DatapathState& before, const DatapathState& after,
                                         const Facts& facts) {
  const auto is_served = [&after](const IpAddress& address) {
    return after.addresses.contains({.address = address});
  };
  const auto is_found = [&](const IpAddress& address) {
    return is_served(address) || IsSomewhere(facts, address);
  };
  for (auto it = losses_.begin(); it != losses_.end();) {
    std::set<IpAddress>& addresses = it->second.addresses;
    std::erase_if(addresses, is_found);
    const bool over = addresses.empty() || !IsDead(facts, it->first) || !IsHome(after, it->first);
    it = over ? losses_.erase(it) : std::next(it);
  }
  std::set<IfIndex> changed;
  for (const auto& [key, owner] : before.addresses) {
    const auto home = before.homes.find(owner.home);
    if (key.address.IsLinkLocal() || is_found(key.address) || home == before.homes.end() ||
        !IsHome(after, home->second.link) || !IsDead(facts, home->second.link)) {
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
  const auto append = [](std::string* out, const IpAddress& address) {
    absl::StrAppend(out, address.ToString());
  };
  const auto append_manager = [](std::string* out, const AddressManager& manager) {
    absl::StrAppend(out, manager.name, " by ", manager.setting);
  };
  return absl::StrCat(absl::StrJoin(addresses, ", ", append),
                      addresses.size() == 1 ? " was" : " were", " taken off ", nic,
                      ", which has no carrier, and nobody serves ",
                      addresses.size() == 1 ? "it" : "them",
                      " now; have what manages its addresses keep them meanwhile, ",
                      absl::StrJoin(kAddressManagers, ", ", append_manager));
}

}  // namespace stronghost
