// Makes the steps of a difference, and reads what the facts don't hold.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "agent/act/kernel_step.h"
#include "agent/decide/facts.h"
#include "agent/netlink/socket.h"

namespace stronghost {

struct StepFailure {
  KernelStep step;
  absl::Status status;
  int error_number = 0;  // errno; EBADMSG: the kernel's answer was lost, so it may be done
  // The kernel will take it later: the link is down or gone, the gateway not reachable yet, the
  // source address still tentative. The next difference tries again; no cause for alarm.
  bool transient = false;
};

struct ApplyReport {
  std::vector<StepFailure> failures;
  // Steps that found their work done: somebody else's address, filter ... was there before, or what
  // was to be deleted was gone. What was not added is not the agent's to delete.
  std::vector<KernelStep> found_done;
  // ApplyRecorded() only: whether the record could be brought up to date afterwards. If not, it
  // holds more than is there.
  absl::Status save_status;
};

// Makes the steps in order, many in one system call. One that fails does not stop the others.
// `facts` are used for names in messages only.
ApplyReport ApplySteps(NetlinkSocket& socket, absl::Span<const KernelStep> steps,
                       const Facts& facts);

// MACs that the links accept beside their own: those that were added, by whomever, and the
// multicast groups that the stack joined. A link that is gone has none.
absl::StatusOr<std::vector<FilterEntry>> ReadFilters(NetlinkSocket& socket,
                                                     absl::Span<const IfIndex> links);

}  // namespace stronghost
