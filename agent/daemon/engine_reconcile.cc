// The whole difference between what should be and what is: knobs, maps, programs, addresses,
// routes, rules, filters. In this order, so that no packet meets half of it.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/act/kernel_diff.h"
#include "agent/act/sysctls.h"
#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/daemon/engine.h"
#include "agent/decide/acceptance.h"
#include "agent/decide/validate_facts.h"

namespace stronghost {
namespace {

constexpr absl::Duration kFirstRetry = absl::Seconds(1);
constexpr absl::Duration kLongestRetry = absl::Seconds(30);
constexpr absl::Duration kRefresh = absl::Seconds(10);

}  // namespace

void Engine::Reconcile() {
  refresh_ = MonotonicNow() + kRefresh;
  try_again_ = false;
  ReadMulticast();
  SyncPaths();
  const AgentState& state = state_file_->state();
  decision_ =
      Decide({config_, facts_, memory_, applied_, state.drains, state.inventory, state.addresses,
              reach_, std::exchange(bounced_, {}), MonotonicNow(), paths_.findings()});
  SetKnobs();
  MoveIn();
  KeepInventory();
  WriteMaps();
  WriteSources();
  Tell();
  AnnounceRelocations();
  AttachNics();
  WatchCarrier();
  ApplyKernelState();
  SetReplySource();
  NoteStates();
  if (try_again_) {
    retry_delay_ = std::clamp(2 * retry_delay_, kFirstRetry, kLongestRetry);
    retry_ = std::min(retry_, MonotonicNow() + retry_delay_);
  } else {
    retry_delay_ = absl::ZeroDuration();
  }
}

void Engine::SetKnobs() {
  if (decision_.kernel.sysctls == applied_sysctls_) {
    return;
  }
  auto report = ApplySysctls(decision_.kernel.sysctls, *state_file_);
  if (report.ok() && report->failures.empty()) {
    report = RestoreSysctls(decision_.kernel.sysctls, *state_file_);  // of NICs that were let go
  }
  if (!report.ok()) {
    Problem("set kernel knobs", report.status());
    TryAgainLater();
  } else if (!report->failures.empty()) {
    Problem("set kernel knobs", report->failures.front());
    TryAgainLater();
  } else {
    ClearProblem("set kernel knobs");
    applied_sysctls_ = decision_.kernel.sysctls;
  }
}

void Engine::WriteMaps() {
  for (const auto& [index, home] : applied_.homes) {
    if (!decision_.datapath.homes.contains(index)) {
      announcements_.Cancel(index);
    }
  }
  const auto flipped = datapath_->ApplyState(decision_.datapath, applied_);
  if (!flipped.ok()) {
    Problem("write the maps", flipped.status());
    if (const auto state = datapath_->ReadState(); state.ok()) {
      applied_ = *state;
    }
    TryAgainLater();
    return;
  }
  ClearProblem("write the maps");
  for (const std::string& problem : taken_away_.Note(applied_, decision_.datapath, facts_)) {
    observer_.on_problem(problem);
  }
  applied_ = decision_.datapath;
  Memory next = decision_.memory;
  for (const HomeIndex index : *flipped) {  // BPF was quicker: SyncPaths() takes it up
    applied_.homes[index].path = datapath_->ReadPath(index);
    if (const auto known = memory_.find(index); known != memory_.end()) {
      next[index] = known->second;
    }
    retry_ = MonotonicNow();
  }
  for (const auto& [index, home] : next) {
    // A home that is new is served by its own NIC, as far as anybody knew.
    const auto known = memory_.find(index);
    const IfIndex from =
        known != memory_.end() ? known->second.path.wire : applied_.homes[index].link;
    if (from != home.path.wire) {
      moves_.push_back({index, from, home.path.wire, CauseOf(index, from, home.path.wire)});
    }
  }
  memory_ = std::move(next);
}

void Engine::ReadMulticast() {
  auto memberships = ReadMemberships();
  if (!memberships.ok()) {
    Problem("read multicast memberships", memberships.status());
    return;
  }
  ClearProblem("read multicast memberships");
  memberships_ = *std::move(memberships);
  facts_.multicast.clear();
  for (const auto& [link, membership] : memberships_) {
    // From the groups, not from the device's list: that one holds what siblings asked for as well.
    std::set<MacAddress> macs;
    for (const IpAddress& group : membership.groups) {
      macs.insert(MulticastMac(group));
    }
    facts_.multicast[link].assign(macs.begin(), macs.end());
  }
}

void Engine::AttachNics() {
  std::set<IfIndex> wanted;
  for (const Member& member : decision_.members) {
    if (member.link == nullptr) {
      continue;
    }
    wanted.insert(member.link->index);
    if (attachments_.contains(member.link->index)) {
      continue;
    }
    const std::string topic = absl::StrCat("attach to ", member.name);
    auto report = datapath_->AttachNic(
        {.link = member.link->index, .name = member.name, .xdp = member.group->xdp});
    if (!report.ok()) {
      Problem(topic, report.status());
      TryAgainLater();
      continue;
    }
    ClearProblem(topic);
    attachments_[member.link->index] = *std::move(report);
  }
  for (const IfIndex link : datapath_->AttachedNics()) {
    if (!wanted.contains(link)) {
      const std::string topic = absl::StrCat("detach from ", NameOf(link));
      if (const absl::Status status = datapath_->DetachNic(link); !status.ok()) {
        Problem(topic, status);
        TryAgainLater();
      } else {
        ClearProblem(topic);
      }
      attachments_.erase(link);
    }
  }
  std::vector<IfIndex> polled(wanted.begin(), wanted.end());
  poller_->SetLinks(polled);
}

void Engine::ApplyKernelState() {
  std::set<IfIndex> links;
  for (const auto& [index, home] : decision_.datapath.homes) {
    links.insert(home.link);
  }
  for (const FilterEntry& filter : state_file_->state().filters) {
    links.insert(filter.link);  // of NICs that were let go as well
  }
  auto filters = ReadFilters(*netlink_, std::vector<IfIndex>(links.begin(), links.end()));
  if (!filters.ok()) {
    Problem("read the NICs' filters", filters.status());
    TryAgainLater();
    filters.emplace();
  } else {
    ClearProblem("read the NICs' filters");
  }
  auto steps = DiffKernel(decision_.kernel, facts_, *filters, state_file_->state());
  LimitRemovals(steps);
  if (steps.empty()) {
    ClearProblem("change the kernel");
    return;
  }
  const auto report = ApplyRecorded(*netlink_, steps, facts_, *state_file_);
  absl::Status lasting = report.ok() ? report->save_status : report.status();
  if (report.ok()) {
    for (const StepFailure& failure : report->failures) {
      TryAgainLater();
      if (!failure.transient) {
        lasting.Update(failure.status);
      }
    }
  }
  if (lasting.ok()) {
    ClearProblem("change the kernel");
  } else {
    Problem("change the kernel", lasting);
    TryAgainLater();
  }
}

void Engine::NoteStates() {
  const absl::Time now = MonotonicNow();
  for (const Member& member : decision_.members) {
    NicHistory& history = history_[member.name];
    const NicHistory before = history;
    if (before.since != absl::InfinitePast() && before.state == member.state) {
      continue;
    }
    history = {.state = member.state, .since = now};
    if (before.since != absl::InfinitePast()) {
      observer_.on_nic_change({.group = member.group->name,
                               .nic = member.name,
                               .was = std::string(ToString(before.state)),
                               .state = std::string(ToString(member.state))});
    }
  }
}

absl::Time Engine::StateSince(const std::string& nic) const {
  const auto it = history_.find(nic);
  return it == history_.end() ? absl::InfinitePast() : it->second.since;
}

void Engine::Problem(const std::string& topic, const absl::Status& status) {
  const std::string text = absl::StrCat(topic, ": ", Message(status));
  std::string& known = failures_[topic];
  if (known != text) {
    known = text;
    observer_.on_problem(text);
  }
}

std::vector<std::string> Engine::Problems() const {
  std::vector<std::string> problems;
  for (const FactProblem& problem : ValidateFacts(config_, facts_)) {
    if (problem.severity != FactSeverity::kInfo) {
      problems.push_back(problem.message);
    }
  }
  problems.insert(problems.end(), decision_.problems.begin(), decision_.problems.end());
  for (const auto& [topic, text] : failures_) {
    problems.push_back(text);
  }
  for (const auto& refused : refused_) {
    const IfIndex wire = refused.first;
    // Whose homes are gone by a reload, or which is gone itself, is no wire.
    const bool is_wire = std::any_of(memory_.begin(), memory_.end(), [wire](const auto& entry) {
      return entry.second.path.wire == wire;
    });
    if (is_wire) {
      problems.push_back(RefusedBy(wire));
    }
  }
  for (const std::vector<std::string>& more :
       {paths_.Problems(), ConflictProblems(), taken_away_.Problems()}) {
    problems.insert(problems.end(), more.begin(), more.end());
  }
  for (const auto& [link, report] : attachments_) {
    for (const std::string& note : report.notes) {
      problems.push_back(absl::StrCat(NameOf(link), ": ", note));
    }
  }
  for (const AddressFact& address : facts_.addresses) {
    if (!IsAccepted(address) && attachments_.contains(address.link)) {
      problems.push_back(absl::StrCat(
          address.ip.ToString(), " on ", NameOf(address.link),
          IsDuplicate(address)
              ? " failed duplicate address detection: another host has it; give it another address"
              : " is tentative: it serves nobody before duplicate address detection ends; without "
                "carrier that never happens, so add it with nodad"));
    }
  }
  return problems;
}

std::string Engine::NameOf(IfIndex link) const {
  const auto it = facts_.links.find(link);
  return it == facts_.links.end() ? absl::StrCat("link ", ToInt(link)) : it->second.name;
}

}  // namespace stronghost
