// What would become of homes and addresses if NICs were lost now. Nothing is changed.
#include <algorithm>

#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/daemon/engine.h"

namespace stronghost {
namespace {

void Remove(IfIndex link, Facts& facts) {
  facts.links.erase(link);
  std::erase_if(facts.addresses, [link](const AddressFact& fact) { return fact.link == link; });
  std::erase_if(facts.routes, [link](const RouteFact& fact) { return fact.link == link; });
}

}  // namespace

absl::StatusOr<WhatIfReport> Engine::WhatIf(const std::vector<std::string>& nics, bool gone) {
  Facts facts = facts_;
  for (const std::string& nic : nics) {
    ASSIGN_OR_RETURN(const Member* const member, MemberNamed(nic));
    if (member->link == nullptr) {
      continue;  // as it is
    }
    const IfIndex link = member->link->index;
    if (gone) {
      Remove(link, facts);
    } else {
      facts.links.at(link).carrier = false;
    }
  }
  SyncPaths();
  const AgentState& state = state_file_->state();
  const Decision then = Decide({config_,
                                facts,
                                memory_,
                                applied_,
                                state.drains,
                                state.inventory,
                                state.addresses,
                                reach_,
                                {},
                                MonotonicNow()});
  WhatIfReport report;
  for (const auto& entry : applied_.homes) {
    const HomeIndex index = entry.first;  // clang 14 captures no structured bindings
    const HomeState& home = entry.second;
    const auto placed = then.memory.find(index);
    const IfIndex wire = placed == then.memory.end() ? IfIndex::kNone : placed->second.path.wire;
    const auto link = facts.links.find(wire);
    const bool works = link != facts.links.end() && link->second.admin_up && link->second.carrier;
    report.homes.push_back({.group = config_.groups[home.group - 1].name,
                            .nic = home.name,
                            .wire = NameOf(datapath_->ReadPath(index).wire),
                            .then = works ? link->second.name : "",
                            .addresses = static_cast<uint64_t>(std::count_if(
                                then.datapath.addresses.begin(), then.datapath.addresses.end(),
                                [&](const auto& owned) { return owned.second.home == index; }))});
  }
  for (const Relocation& relocation : then.relocations) {
    report.relocated.push_back({.origin = relocation.from,
                                .home = relocation.to,
                                .addresses = relocation.addresses.size()});
  }
  return report;
}

}  // namespace stronghost
