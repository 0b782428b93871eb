// The part of ValidateConfig() that looks at addresses, gateways and probe targets.
#pragma once

#include <vector>

#include "agent/config/config.h"
#include "agent/config/source_map.h"

namespace stronghost {

// Appends what is wrong with them, in all groups together.
void ValidateAddresses(const Config& config, const SourceMap& sources,
                       std::vector<ConfigProblem>* problems);

}  // namespace stronghost
