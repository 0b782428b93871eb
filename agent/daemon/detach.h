#pragma once

#include <functional>

#include "absl/status/status.h"
#include "agent/act/state_file.h"

namespace stronghost {

// Takes back everything that the agent changed, in the network namespace of the calling thread:
// rules, routes, filters, link groups and added addresses, then the programs (by `detach_bpf`),
// then the knobs. What can't be undone stays recorded, and the error lists it. kFailedPrecondition:
// the kernel can't be read or the state file not be written, and nothing was undone.
absl::Status DetachFromKernel(StateFile& state, const std::function<absl::Status()>& detach_bpf);

}  // namespace stronghost
