// What the gateways say of the NICs' paths.
#include "agent/act/neighbors.h"
#include "agent/base/clock.h"
#include "agent/daemon/engine.h"

namespace stronghost {

bool Engine::LookAtPaths() {
  const absl::Time now = MonotonicNow();
  look_ = now + PathWatch::kInterval;
  const PathFindings before = paths_.findings();
  paths_.Look({.config = config_,
               .facts = facts_,
               .members = decision_.members,
               .routes = decision_.kernel.routes,
               .neighbors = neighbors_->memory(),
               .wire_of = [this](HomeIndex home) { return datapath_->ReadPath(home).wire; },
               .now = now},
              datapath_->gateways());
  for (const auto& [link, ip] : paths_.TakeUnresolved()) {
    // ignoring: asked again in ten seconds
    static_cast<void>(ResolveNeighbor(*netlink_, link, ip));
  }
  if (paths_.send_status().ok()) {
    ClearProblem("probe");
  } else {
    Problem("probe", paths_.send_status());
  }
  bool changed = paths_.findings() != before;
  for (auto& [nic, reach] : reach_) {
    const bool dead = paths_.IsDead(nic);
    changed |= dead != reach.path_dead;
    reach.path_dead = dead;
  }
  for (const PathChange& change : paths_.TakeChanges()) {
    observer_.on_path_change(change);
  }
  return changed;
}

}  // namespace stronghost
