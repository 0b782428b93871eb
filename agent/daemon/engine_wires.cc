// The quick path of a failover: which NIC carries which home, and who is told.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/act/sysctls.h"
#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/daemon/engine.h"
#include "agent/decide/acceptance.h"

namespace stronghost {

// BPF may have flipped a wire since the last look.
void Engine::SyncPaths() {
  const absl::Time now = MonotonicNow();
  for (auto& [index, memory] : memory_) {
    const Path path = datapath_->ReadPath(index);
    if (path.wire == IfIndex::kNone) {
      applied_.homes.erase(index);  // somebody emptied the slot: written anew by Reconcile()
      continue;
    }
    if (path == memory.path) {
      continue;
    }
    if (path.wire != memory.path.wire) {
      const IfIndex from = memory.path.wire;
      memory.since = now;
      // The home's NIC failed, however briefly: its hold-down starts anew.
      memory.usable_since = now;
      memory.linger = IfIndex::kNone;
      moves_.push_back({index, from, path.wire, "kernel"});
    }
    memory.path = path;
    if (const auto it = applied_.homes.find(index); it != applied_.homes.end()) {
      it->second.path = path;
    }
  }
}

// True when every path is in force; false when BPF was quicker somewhere: decide again.
bool Engine::SwapPaths(const Memory& desired) {
  bool all = true;
  for (const auto& [index, next] : desired) {
    const auto it = memory_.find(index);
    const auto applied = applied_.homes.find(index);
    if (it == memory_.end() || applied == applied_.homes.end()) {
      continue;  // a new home: written whole by Reconcile()
    }
    const Path before = it->second.path;
    if (next.path == before) {
      continue;
    }
    // The old wire must accept before the new one sends: frames cross on the way.
    if (next.linger != applied->second.linger && next.linger != IfIndex::kNone) {
      applied->second.linger = next.linger;
      if (const auto status = datapath_->WriteHome(applied->second, WritePath::kNo); !status.ok()) {
        Problem("write sh_homes", status);
      } else {
        ClearProblem("write sh_homes");
      }
    }
    if (!datapath_->CompareAndSwapPath(index, before, next.path)) {
      all = false;
      continue;
    }
    applied->second.path = next.path;
    it->second = next;
    if (next.path.wire != before.wire) {
      moves_.push_back(
          {index, before.wire, next.path.wire, CauseOf(index, before.wire, next.path.wire)});
    }
  }
  return all;
}

void Engine::PlaceWires() {
  // Each round takes up what BPF did meanwhile; it can flip a home for each NIC that is lost.
  for (int round = 0; round < 4; ++round) {
    SyncPaths();
    const std::vector<Member> members =
        FindMembers(config_, facts_, applied_, state_file_->state().drains, reach_);
    const Placement placement = Place(members, memory_, MonotonicNow());
    if (SwapPaths(placement.memory)) {
      break;
    }
  }
  Tell();
}

// Every home is on its new wire before the first word about one.
void Engine::Tell() {
  if (moves_.empty()) {
    return;
  }
  for (const WireMove& move : moves_) {
    if (!StandsIn(move.from)) {
      refused_.erase(move.from);
    }
    Announce(move.home);
  }
  SendDue();
  for (const WireMove& move : std::exchange(moves_, {})) {
    Report(move);
  }
}

void Engine::SendDue() {
  const std::vector<DueFrame> frames = announcements_.Due(MonotonicNow());
  std::set<IfIndex> wires;
  for (const DueFrame& frame : frames) {
    wires.insert(frame.wire);
  }
  for (const SendFailure& failure : announcer_.Send(frames).failures) {
    wires.erase(failure.wire);
    std::string text = Message(failure.status);
    std::string& known = refused_[failure.wire];
    if (known != text) {
      known = std::move(text);
      observer_.on_problem(RefusedBy(failure.wire));
    }
  }
  for (const IfIndex wire : wires) {
    refused_.erase(wire);
  }
}

std::string Engine::RefusedBy(IfIndex wire) const {
  return absl::StrCat("announce on ", NameOf(wire), ": ", refused_.at(wire));
}

// For a home that is another NIC.
bool Engine::StandsIn(IfIndex wire) const {
  return std::any_of(memory_.begin(), memory_.end(), [this, wire](const auto& entry) {
    const auto home = applied_.homes.find(entry.first);
    return entry.second.path.wire == wire && home != applied_.homes.end() &&
           home->second.link != wire;
  });
}

void Engine::Announce(HomeIndex index) {
  if (applied_.homes.contains(index) && memory_.contains(index)) {
    announcements_.Start(JobOf(index), MonotonicNow());
  }
}

// Of a home that is applied and in memory.
AnnounceJob Engine::JobOf(HomeIndex index) const {
  const HomeState& home = applied_.homes.at(index);
  const IfIndex wire = memory_.at(index).path.wire;
  AnnounceJob job{
      .home = index, .wire = wire, .mac = home.mac, .stay = home.stay, .home_mac = home.mac};
  if (home.stay) {
    if (const auto link = facts_.links.find(wire); link != facts_.links.end()) {
      job.mac = link->second.mac;
    }
  }
  // RFC 4861 section 7.2.5: an advertisement without the R flag ends the use of a router.
  const auto forwarding = ReadSysctl(absl::StrCat("ipv6/conf/", home.name, "/forwarding"));
  job.router = forwarding.ok() && *forwarding != "0";
  const auto unaccepted = Unaccepted(facts_);
  for (const auto& [key, owner] : applied_.addresses) {
    if (owner.home == index && !unaccepted.contains(key.address)) {
      job.addresses.push_back(key.address);
    }
  }
  if (const auto found = memberships_.find(home.link); found != memberships_.end()) {
    job.groups = found->second.groups;
    job.igmp_version = found->second.igmp_version;
  }
  return job;
}

std::string Engine::CauseOf(HomeIndex index, IfIndex from, IfIndex to) const {
  const auto link = facts_.links.find(from);
  if (link == facts_.links.end()) {
    return "gone";
  }
  if (!link->second.admin_up) {
    return "down";
  }
  if (!link->second.carrier) {
    return "carrier";
  }
  const auto home = applied_.homes.find(index);
  if (home != applied_.homes.end() && home->second.link == to) {
    return "failback";
  }
  const auto reach = reach_.find(link->second.name);
  if (reach != reach_.end() && reach->second.path_dead) {
    return "path";
  }
  return reach != reach_.end() && reach->second.flapping ? "flapping" : "drained";
}

void Engine::Report(const WireMove& move) {
  const auto home = applied_.homes.find(move.home);
  if (home == applied_.homes.end()) {
    return;
  }
  WireChange change{.home = home->second.name,
                    .from = NameOf(move.from),
                    .to = NameOf(move.to),
                    .cause = move.cause};
  const uint32_t group = home->second.group;
  if (group >= 1 && group <= config_.groups.size()) {
    change.group = config_.groups[group - 1].name;
  }
  const auto alive = last_alive_.find(move.from);
  if (move.cause != "failback" && move.cause != "drained" && move.cause != "flapping" &&
      move.cause != "path" && alive != last_alive_.end()) {
    change.outage = std::max(absl::ZeroDuration(), MonotonicNow() - alive->second);
  }
  observer_.on_wire_change(change);
}

}  // namespace stronghost
