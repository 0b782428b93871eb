#include "agent/daemon/detach.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/act/kernel_diff.h"
#include "agent/act/kernel_record.h"
#include "agent/act/sysctls.h"
#include "agent/base/status.h"
#include "agent/cli/detach_offline.h"
#include "agent/datapath/datapath.h"
#include "agent/netlink/socket.h"
#include "agent/observe/driver_names.h"
#include "agent/observe/snapshot.h"

namespace stronghost {
namespace {

// What the agent added to the kernel beside its programs, by its protocol number and its state
// file. Failures are appended to `left`.
absl::Status RemoveKernelState(StateFile& state, std::vector<std::string>& left) {
  RETURN_IF_ERROR(state.SaveAnew());
  ASSIGN_OR_RETURN(auto netlink, NetlinkSocket::Open());
  ASSIGN_OR_RETURN(auto drivers, DriverNames::Open());
  ASSIGN_OR_RETURN(const Facts facts, ReadFacts(netlink, drivers));
  std::vector<IfIndex> links;
  for (const auto& [index, link] : facts.links) {
    links.push_back(index);
  }
  ASSIGN_OR_RETURN(const auto filters, ReadFilters(netlink, links));
  const auto steps = DiffKernel(KernelState{}, facts, filters, state.state());
  ASSIGN_OR_RETURN(const ApplyReport report, ApplyRecorded(netlink, steps, facts, state));
  state.ForgetDrains();  // who comes next begins with all NICs
  if (const absl::Status status = state.Save(); !status.ok()) {
    left.push_back(Message(status));
  }
  if (!report.save_status.ok()) {
    left.push_back(Message(report.save_status));
  }
  for (const StepFailure& failure : report.failures) {
    left.push_back(Message(failure.status));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status DetachFromKernel(StateFile& state, const std::function<absl::Status()>& detach_bpf) {
  std::vector<std::string> left;
  if (const absl::Status status = RemoveKernelState(state, left); !status.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("nothing was detached: ", Message(status), "; mend that and detach again"));
  }
  // Programs go after rules and routes: while they are there they steer.
  if (const absl::Status status = detach_bpf(); !status.ok()) {
    left.push_back(Message(status));
  }
  if (const auto sysctls = RestoreSysctls({}, state); !sysctls.ok()) {
    left.push_back(Message(sysctls.status()));
  } else {
    for (const absl::Status& failure : sysctls->failures) {
      left.push_back(Message(failure));
    }
  }
  if (!left.empty()) {
    return absl::InternalError(absl::StrCat(
        "detached, but some things stayed: ", absl::StrJoin(left, ", "), "; remove them by hand"));
  }
  return absl::OkStatus();
}

absl::Status DetachOffline(const Config& config) {
  ASSIGN_OR_RETURN(auto instance, KernelInstance::Current());
  ASSIGN_OR_RETURN(auto state, StateFile::Load(config.state_dir, std::move(instance)));
  return DetachFromKernel(state, [&config] { return DetachPinned(config.pin_dir); });
}

}  // namespace stronghost
