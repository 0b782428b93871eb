#pragma once

#include "absl/status/status.h"
#include "agent/config/config.h"

namespace stronghost {

// Removes the data path of a configuration whose agent does not run, and restores what was
// changed. Defined in agent/daemon/, which alone knows the whole agent.
absl::Status DetachOffline(const Config& config);

}  // namespace stronghost
