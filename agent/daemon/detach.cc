#include "agent/daemon/detach.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/act/kernel_diff.h"
#include "agent/act/kernel_record.h"
#include "agent/act/move_addresses.h"
#include "agent/act/sysctls.h"
#include "agent/base/status.h"
#include "agent/cli/detach_offline.h"
#include "agent/datapath/datapath.h"
#include "agent/decide/residence.h"
#include "agent/netlink/socket.h"
#include "agent/observe/driver_names.h"
#include "agent/observe/facts_events.h"
#include "agent/observe/snapshot.h"

namespace stronghost {
namespace {

// What led through `nic` leads through the NIC that has its addresses: they would be of little use
// otherwise.
void AddRoutesThrough(const LinkFact& home, const absl::btree_map<std::string, KnownNic>& nics,
                      const std::string& nic, KernelState& state) {
  const auto known = nics.find(nic);
  if (known == nics.end()) {
    return;
  }
  for (RouteFact route : known->second.routes) {
    route.link = home.index;
    if (std::find(state.restored_routes.begin(), state.restored_routes.end(), route) ==
        state.restored_routes.end()) {
      state.restored_routes.push_back(route);
    }
  }
}

// Relocated addresses that the agent found belong on their own NIC, where that is there again; else
// they stay where they live.
KernelState AddressesBackHome(const Facts& facts, const Inventory& inventory) {
  KernelState state;
  for (const auto& [ip, residence] : inventory.addresses) {
    const LinkFact* origin = facts.FindLink(residence.origin);
    const LinkFact* home = facts.FindLink(residence.home);
    const bool back = origin != nullptr && origin->admin_up && origin->carrier;
    if (home != nullptr && residence.relocated() && !back) {
      AddRoutesThrough(*home, inventory.nics, residence.origin, state);
    }
    if (!residence.adopted || !residence.relocated() || !back || home == nullptr) {
      continue;
    }
    state.moved.push_back(MovedFact(ip, residence, *origin));
    state.left.push_back({home->index, ip, origin->index});
  }
  for (const auto& [nic, known] : inventory.nics) {
    const LinkFact* link = facts.FindLink(nic);
    if (known.routes_lost && link != nullptr && link->admin_up && link->carrier) {
      state.restored_routes.insert(state.restored_routes.end(), known.routes.begin(),
                                   known.routes.end());
    }
  }
  return state;
}

// Adds them there; what succeeded is in `facts` afterwards, so that the other copy may go.
ApplyReport ReturnAddresses(NetlinkSocket& netlink, const KernelState& original, Facts& facts) {
  std::vector<KernelStep> steps;
  for (const AddressFact& address : original.moved) {
    steps.emplace_back(AddAddress{address, /*moved=*/true});
  }
  ApplyReport report = AddMovingAddresses(netlink, steps, facts);
  for (const KernelStep& step : steps) {
    const bool failed = std::any_of(report.failures.begin(), report.failures.end(),
                                    [&step](const auto& failure) { return failure.step == step; });
    if (!failed) {
      ApplyEvent(facts, AddressChanged{std::get<AddAddress>(step).address});
    }
  }
  return report;
}

// What the agent added to the kernel beside its programs, by its protocol number and its state
// file. Failures are appended to `left`.
absl::Status RemoveKernelState(StateFile& state, std::vector<std::string>& left) {
  RETURN_IF_ERROR(state.SaveAnew());
  ASSIGN_OR_RETURN(auto netlink, NetlinkSocket::Open());
  ASSIGN_OR_RETURN(auto drivers, DriverNames::Open());
  ASSIGN_OR_RETURN(Facts facts, ReadFacts(netlink, drivers));
  std::vector<IfIndex> links;
  for (const auto& [index, link] : facts.links) {
    links.push_back(index);
  }
  ASSIGN_OR_RETURN(const auto filters, ReadFilters(netlink, links));
  const KernelState original = AddressesBackHome(facts, state.state().inventory);
  const ApplyReport returned = ReturnAddresses(netlink, original, facts);
  const auto steps = DiffKernel(original, facts, filters, state.state());
  ASSIGN_OR_RETURN(const ApplyReport report, ApplyRecorded(netlink, steps, facts, state));
  for (const StepFailure& failure : returned.failures) {
    left.push_back(Message(failure.status));
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
  // Until they are gone the state file says that there is something to detach here.
  if (const absl::Status status = detach_bpf(); !status.ok()) {
    left.push_back(Message(status));
  } else {
    state.ForgetDrains();  // who comes next begins with all NICs
    state.SetInventory({});
    if (const absl::Status saved = state.Save(); !saved.ok()) {
      left.push_back(Message(saved));
    }
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
  // Pins may be removed from anywhere; rules, addresses and knobs may not.
  if (state.state().IsEmpty() && state.had_others() && IsPinned(config.pin_dir)) {
    return absl::FailedPreconditionError(
        absl::StrCat("nothing was detached: ", config.pin_dir,
                     " is not of this network namespace, of which ", state.path(),
                     " knows nothing; run this in the one that the agent served (nsenter --net=)"));
  }
  return DetachFromKernel(state, [&config] { return DetachPinned(config.pin_dir); });
}

}  // namespace stronghost
