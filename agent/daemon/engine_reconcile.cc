// The whole difference between what should be and what is: knobs, maps, programs, addresses,
// routes, rules, filters. In this order, so that no packet meets half of it.
#include <linux/if_addr.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/act/kernel_diff.h"
#include "agent/act/sysctls.h"
#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/daemon/engine.h"
#include "agent/decide/validate_facts.h"

namespace stronghost {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(1);
constexpr absl::Duration kRefresh = absl::Seconds(10);

}  // namespace

void Engine::Reconcile() {
  dirty_ = false;
  refresh_ = MonotonicNow() + kRefresh;
  ReadMulticast();
  SyncPaths();
  decision_ = Decide({config_, facts_, memory_, applied_, drained_, MonotonicNow()});

  if (decision_.kernel.sysctls != applied_sysctls_) {
    const auto report = ApplySysctls(decision_.kernel.sysctls, *state_file_);
    if (!report.ok()) {
      Problem("set kernel knobs", report.status());
    } else if (!report->failures.empty()) {
      Problem("set kernel knobs", report->failures.front());
    } else {
      ClearProblem("set kernel knobs");
      applied_sysctls_ = decision_.kernel.sysctls;
    }
  }

  const auto flipped = datapath_->ApplyState(decision_.datapath, applied_);
  if (flipped.ok()) {
    ClearProblem("write the maps");
    applied_ = decision_.datapath;
    memory_ = decision_.memory;
    for (const HomeIndex index : *flipped) {
      applied_.homes[index].path = datapath_->ReadPath(index);
      retry_ = MonotonicNow();  // SyncPaths() takes it up
    }
  } else {
    Problem("write the maps", flipped.status());
    if (const auto state = datapath_->ReadState(); state.ok()) {
      applied_ = *state;
    }
    retry_ = MonotonicNow() + kRetry;
  }
  AttachNics();
  ApplyKernelState();
  NoteStates();
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
    auto report = datapath_->AttachNic({.link = member.link->index,
                                        .name = member.name,
                                        .driver = member.link->driver,
                                        .xdp = member.group->xdp});
    if (!report.ok()) {
      Problem(topic, report.status());
      retry_ = std::min(retry_, MonotonicNow() + kRetry);
      continue;
    }
    ClearProblem(topic);
    attachments_[member.link->index] = *std::move(report);
  }
  for (const IfIndex link : datapath_->AttachedNics()) {
    if (!wanted.contains(link)) {
      if (const absl::Status status = datapath_->DetachNic(link); !status.ok()) {
        Problem(absl::StrCat("detach from ", NameOf(link)), status);
      }
      attachments_.erase(link);
    }
  }
  std::vector<IfIndex> polled(wanted.begin(), wanted.end());
  poller_->SetLinks(polled);
}

void Engine::ApplyKernelState() {
  std::vector<IfIndex> links;
  for (const auto& [index, home] : decision_.datapath.homes) {
    links.push_back(home.link);
  }
  auto filters = ReadFilters(*netlink_, links);
  if (!filters.ok()) {
    Problem("read the NICs' filters", filters.status());
    filters.emplace();
  }
  const auto steps = DiffKernel(decision_.kernel, facts_, *filters, state_file_->state());
  if (steps.empty()) {
    ClearProblem("change the kernel");
    return;
  }
  const auto report = ApplyRecorded(*netlink_, steps, facts_, *state_file_);
  if (!report.ok()) {
    Problem("change the kernel", report.status());
    retry_ = std::min(retry_, MonotonicNow() + kRetry);
    return;
  }
  bool lasting = false;
  for (const StepFailure& failure : report->failures) {
    retry_ = std::min(retry_, MonotonicNow() + kRetry);
    if (!failure.transient) {
      Problem("change the kernel", failure.status);
      lasting = true;
    }
  }
  if (!lasting) {
    ClearProblem("change the kernel");
  }
}

void Engine::NoteStates() {
  const absl::Time now = MonotonicNow();
  for (const Member& member : decision_.members) {
    NicHistory& history = history_[member.name];
    if (history.since == absl::InfinitePast() || history.state != member.state) {
      history = {.state = member.state, .since = now};
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
  for (const auto& [link, report] : attachments_) {
    for (const std::string& note : report.notes) {
      problems.push_back(absl::StrCat(NameOf(link), ": ", note));
    }
  }
  for (const AddressFact& address : facts_.addresses) {
    if ((address.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) != 0 &&
        (address.flags & IFA_F_OPTIMISTIC) == 0 && attachments_.contains(address.link)) {
      problems.push_back(absl::StrCat(
          address.ip.ToString(), " on ", NameOf(address.link),
          (address.flags & IFA_F_DADFAILED) != 0
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
