// Start, input from outside, and the end. The two paths of every change are in engine_wires.cc
// (quick) and engine_reconcile.cc (everything).
#include "agent/daemon/engine.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/daemon/detach.h"
#include "agent/decide/validate_facts.h"

namespace stronghost {
namespace {

constexpr absl::Duration kResyncRetry = absl::Milliseconds(100);

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> Engine::Start(const LoadedConfig& loaded,
                                                      EngineObserver observer) {
  std::unique_ptr<Engine> engine(new Engine(loaded.config, std::move(observer)));
  RETURN_IF_ERROR(engine->Open());
  RETURN_IF_ERROR(engine->ReadEverything());
  RETURN_IF_ERROR(engine->CheckFacts(loaded));
  RETURN_IF_ERROR(engine->OpenDatapath());
  engine->AdoptPaths();
  engine->Reconcile();
  engine->look_ = MonotonicNow();
  if (!engine->datapath_->adopted() && engine->datapath_->replaced().empty()) {
    engine->AnnounceOwners();
  }
  return engine;
}

absl::Status Engine::Open() {
  ASSIGN_OR_RETURN(auto instance, KernelInstance::Current());
  ASSIGN_OR_RETURN(auto state_file, StateFile::Load(config_.state_dir, std::move(instance)));
  state_file_ = std::make_unique<StateFile>(std::move(state_file));
  ASSIGN_OR_RETURN(auto netlink, NetlinkSocket::Open());
  netlink_ = std::make_unique<NetlinkSocket>(std::move(netlink));
  ASSIGN_OR_RETURN(auto drivers, DriverNames::Open());
  drivers_ = std::make_unique<DriverNames>(std::move(drivers));
  ASSIGN_OR_RETURN(auto monitor, NetlinkMonitor::Open(drivers_.get(), {}));
  monitor_ = std::make_unique<NetlinkMonitor>(std::move(monitor));
  ASSIGN_OR_RETURN(auto neighbors, NeighborWatch::Open(netlink_.get()));
  neighbors_ = std::make_unique<NeighborWatch>(std::move(neighbors));
  ASSIGN_OR_RETURN(auto poller, CarrierPoller::Open());
  poller_ = std::make_unique<CarrierPoller>(std::move(poller));
  return absl::OkStatus();
}

absl::Status Engine::OpenDatapath() {
  ASSIGN_OR_RETURN(datapath_, Datapath::Open({.pin_dir = config_.pin_dir, .tc = config_.tc}));
  if (!datapath_->replaced().empty()) {
    observer_.on_problem(absl::StrCat("the pinned maps are of another version of stronghost (",
                                      datapath_->replaced(),
                                      "): replaced by new ones, counters begin at zero"));
  }
  return absl::OkStatus();
}

// The events so far are part of the snapshot. decision_.members points into facts_: whoever calls
// this decides anew before anything else happens.
absl::Status Engine::ReadEverything() {
  absl::StatusOr<Facts> facts = monitor_->Snapshot(*netlink_);
  pace_.OnLinkNews(MonotonicNow());
  resync_ = !facts.ok();
  if (resync_) {
    retry_ = MonotonicNow() + kResyncRetry;
    return facts.status();
  }
  facts->multicast = std::move(facts_.multicast);
  facts_ = *std::move(facts);
  return absl::OkStatus();
}

// A NIC may have gone and come back while nobody heard of it.
void Engine::Resynchronise() {
  if (const absl::Status status = ReadEverything(); !status.ok()) {
    Problem("read the kernel's state", status);
  } else {
    ClearProblem("read the kernel's state");
  }
  RefreshLinks(/*gone_is_down=*/true);  // the links were read before the addresses
  attachments_.clear();
  applied_sysctls_.reset();
}

void Engine::SaveState() {
  if (const absl::Status status = state_file_->Save(); !status.ok()) {
    Problem("write the state file", status);
    save_ = MonotonicNow() + absl::Seconds(10);
  } else {
    ClearProblem("write the state file");
  }
}

absl::Status Engine::CheckFacts(const LoadedConfig& loaded) {
  std::vector<std::string> refused;
  for (const FactProblem& problem : ValidateFacts(loaded.config, facts_)) {
    if (problem.severity == FactSeverity::kRefused) {
      refused.push_back(loaded.sources.Problem(problem.path, problem.message).ToString());
    }
  }
  if (!refused.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the configuration does not fit this machine: ", absl::StrJoin(refused, "; ")));
  }
  return absl::OkStatus();
}

// What an earlier run, or BPF since then, left in the maps is where this one goes on.
void Engine::AdoptPaths() {
  const absl::StatusOr<DatapathState> state = datapath_->ReadState();
  if (!state.ok()) {
    Problem("read the pinned maps", state.status());
    return;
  }
  applied_ = *state;
  state_file_->SetInventory(FollowOwners(state_file_->state().inventory, facts_, applied_));
  const absl::Time now = MonotonicNow();
  for (const auto& [index, home] : applied_.homes) {
    HomeMemory& memory = memory_[index];
    memory.path = home.path;
    memory.since = now;
    // A stand-in found at start holds down as if the home had come back just now.
    memory.usable_since = now;
    memory.linger = home.linger;
    memory.linger_until = now + kLinger;
  }
}

// True: facts_ changed.
absl::StatusOr<bool> Engine::ReadEvents(bool& lost) {
  ASSIGN_OR_RETURN(const std::vector<KernelEvent> events, monitor_->Read());
  bool changed = false;
  for (const KernelEvent& event : events) {
    resync_ |= std::holds_alternative<Resync>(event);
    if (const auto* link = std::get_if<LinkChanged>(&event)) {
      pace_.OnLinkNews(MonotonicNow());
      if (!link->link.admin_up) {
        bounced_.insert(link->link.index);  // even if it is up again by now
      }
    }
    if (const auto* gone = std::get_if<LinkGone>(&event)) {
      pace_.OnLinkNews(MonotonicNow());
      if (gone->elsewhere) {
        ForgetMac(gone->link);
      }
      ForgetLink(gone->link);
    }
    changed |= ApplyEvent(facts_, event);
    lost |= std::holds_alternative<AddressGone>(event) || std::holds_alternative<RouteGone>(event);
  }
  return changed;
}

absl::Status Engine::OnKernelEvents() {
  bool lost = false;
  ASSIGN_OR_RETURN(bool changed, ReadEvents(lost));
  if (lost) {
    // A NIC that goes down or away loses its addresses first, and tells of itself last. The answer
    // comes when that is over; then its own words are there as well.
    changed |= RefreshLinks(/*gone_is_down=*/true);
    ASSIGN_OR_RETURN(const bool more, ReadEvents(lost));
    changed |= more;
  }
  if (resync_) {
    // Events behind a gap are older than the snapshot, which contains them.
    Resynchronise();
    changed = true;
  }
  if (changed) {
    PlaceWires();
    Reconcile();
  }
  return absl::OkStatus();
}

// It lives on in another network namespace: its MAC is not ours to serve.
void Engine::ForgetMac(IfIndex link) {
  Inventory inventory = state_file_->state().inventory;
  for (auto& [name, nic] : inventory.nics) {
    if (nic.link == link) {
      nic.mac = {};
    }
  }
  state_file_->SetInventory(inventory);
}

// One of the same name or number may come back with nothing of what was set on this one.
void Engine::ForgetLink(IfIndex link) {
  announcer_.Forget(link);
  refused_.erase(link);
  drivers_->Forget(link);
  attachments_.erase(link);
  applied_sysctls_.reset();
  ForgetRecords(link, *state_file_);
}

absl::Status Engine::OnBpfEvents() {
  bool carrier_news = false;
  std::vector<sh_event> under_our_mac;
  const auto on_event = [&](const sh_event& event) {
    if (event.type == SH_EVENT_FLIP) {
      carrier_news = true;
    } else if (event.type == SH_EVENT_CARRIER) {
      carrier_news = true;
      absl::Time& alive = last_alive_[IfIndex{event.ifindex}];
      alive = std::max(alive, absl::FromUnixNanos(static_cast<int64_t>(event.time_ns)));
    } else if (event.type == SH_EVENT_CONFLICT && !IsOwnMac(event.mac)) {
      OnConflict(event);
    } else if (event.type == SH_EVENT_MAC_CONFLICT) {
      under_our_mac.push_back(event);
    }
  };
  RETURN_IF_ERROR(datapath_->ConsumeEvents(on_event, observer_.on_packet));
  // The paths and the carriers as they are now; the event may be an old one.
  if (carrier_news) {
    // The kernel clears the bit a moment after it tells: should it still be set, ask again soon.
    pace_.OnLinkNews(MonotonicNow());
    OnPoll();
  }
  // After that: what was on its way during the flip is no conflict, nor what a NIC says that has
  // just come back.
  if (!under_our_mac.empty()) {
    RETURN_IF_ERROR(OnKernelEvents());
  }
  for (const sh_event& event : under_our_mac) {
    OnMacConflict(event);
  }
  return absl::OkStatus();
}

absl::Status Engine::OnNeighborEvents() {
  return neighbors_->Read(MonotonicNow());
}

bool Engine::RefreshLinks(bool gone_is_down) {
  const absl::StatusOr<std::vector<CarrierSample>> samples = poller_->Poll();
  if (!samples.ok()) {
    Problem("poll the carrier", samples.status());
    for (const Member& member : decision_.members) {  // any of them may have been down
      if (member.link != nullptr && gone_is_down) {
        bounced_.insert(member.link->index);
      }
    }
  } else {
    ClearProblem("poll the carrier");
  }
  const absl::Time now = MonotonicNow();
  last_poll_ = now;
  bool changed = false;
  for (CarrierSample sample : samples.value_or(std::vector<CarrierSample>())) {
    if (!sample.exists) {
      if (!gone_is_down) {
        continue;  // rtnetlink tells in time that a link is gone
      }
      sample.admin_up = sample.carrier = false;
    }
    if (sample.carrier && sample.admin_up) {
      last_alive_[sample.link] = now;
    }
    const auto it = facts_.links.find(sample.link);
    if (it != facts_.links.end() &&
        (it->second.carrier != sample.carrier || it->second.admin_up != sample.admin_up)) {
      it->second.carrier = sample.carrier;
      it->second.admin_up = sample.admin_up;
      changed = true;
    }
  }
  return changed;
}

void Engine::OnPoll() {
  bool changed = RefreshLinks(/*gone_is_down=*/false);
  for (const auto& [index, home] : memory_) {
    changed |= datapath_->ReadPath(index).wire != home.path.wire;
  }
  if (changed) {
    pace_.OnLinkNews(MonotonicNow());
    PlaceWires();
    Reconcile();
  }
}

void Engine::OnDue() {
  SendDue();
  const absl::Time now = MonotonicNow();
  if (now >= save_) {
    save_ = absl::InfiniteFuture();
    SaveState();
  }
  const bool paths_changed = now >= look_ && LookAtPaths();
  if (!paths_changed && now < std::min({retry_, decision_.wake, refresh_})) {
    return;
  }
  retry_ = absl::InfiniteFuture();
  if (resync_) {
    Resynchronise();
  }
  if (now >= refresh_) {
    applied_sysctls_.reset();    // somebody may have turned a knob
    check_reply_source_ = true;  // or made the cgroup anew
  }
  PlaceWires();
  Reconcile();
}

absl::Time Engine::NextDue() const {
  absl::Time due = std::min({decision_.wake, retry_, refresh_, save_, look_});
  if (const auto announcement = announcements_.NextDue(); announcement.has_value()) {
    due = std::min(due, *announcement);
  }
  return due;
}

absl::Time Engine::NextPoll() const {
  absl::Duration shortest = absl::Seconds(10);
  for (const GroupConfig& group : config_.groups) {
    shortest = std::min(shortest, group.detect.carrier_poll);
  }
  const KernelFlips flips = carrier_watch_.ok()             ? KernelFlips::kAtOnce
                            : datapath_->can_read_carrier() ? KernelFlips::kOnPackets
                                                            : KernelFlips::kNever;
  return pace_.Next(last_poll_, shortest, flips);
}

absl::Status Engine::Reload(const LoadedConfig& loaded) {
  const Config& config = loaded.config;
  if (config.pin_dir != config_.pin_dir || config.socket != config_.socket ||
      config.state_dir != config_.state_dir || config.tc != config_.tc ||
      config.metrics != config_.metrics) {
    return absl::FailedPreconditionError(
        "pin_dir, state_dir, socket, metrics and tc take effect at a start only; restart the "
        "daemon to change them");
  }
  RETURN_IF_ERROR(ReadEverything());
  const absl::Status fits = CheckFacts(loaded);
  if (fits.ok()) {
    config_ = config;
    attachments_.clear();  // xdp may have changed: each NIC is attached anew, in place
    check_reply_source_ = true;
  }
  PlaceWires();
  Reconcile();
  return fits;
}

// Once in a start, whatever comes of it: the other signals do as well, only later.
void Engine::WatchCarrier() {
  if (absl::IsUnknown(carrier_watch_)) {
    carrier_watch_ = datapath_->WatchCarrier();
  }
}

void Engine::SetReplySource() {
  if (!check_reply_source_) {
    return;
  }
  const std::string topic = "answer from the address that was asked";
  if (const absl::Status status =
          datapath_->SetReplySource(config_.cgroup, config_.reply_source_except);
      !status.ok()) {
    Problem(topic, status);
    TryAgainLater();
  } else {
    check_reply_source_ = false;
    ClearProblem(topic);
  }
}

void Engine::WriteSources() {
  const std::string topic = "write the choice of sources";
  const absl::Status status = datapath_->SetSources(decision_.sources, decision_.reply_marks,
                                                    static_cast<uint32_t>(config_.reply_mark));
  if (status.ok()) {
    ClearProblem(topic);
    return;
  }
  Problem(topic, status);
  if (!absl::IsResourceExhausted(status)) {
    TryAgainLater();
  }
}

absl::Status Engine::Detach() {
  return DetachFromKernel(*state_file_, [this] { return datapath_->DetachAll(); });
}

}  // namespace stronghost
