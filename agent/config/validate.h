// Checks of a configuration that need no machine. Those that do are in decide/validate_facts.h.
#pragma once

#include <vector>

#include "agent/config/config.h"
#include "agent/config/source_map.h"

namespace stronghost {

// Everything that is wrong with the values, in no particular order. `sources` may be empty: the
// problems then have no place. Settings that `sources` holds as broken are not reported again.
std::vector<ConfigProblem> ValidateConfig(const Config& config, const SourceMap& sources);

}  // namespace stronghost
