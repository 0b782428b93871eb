// The part of ValidateConfig() that looks at [group.source].
#pragma once

#include <vector>

#include "agent/config/config.h"
#include "agent/config/source_map.h"

namespace stronghost {

// Appends what is wrong with them, in all groups together.
void ValidateSources(const Config& config, const SourceMap& sources,
                     std::vector<ConfigProblem>* problems);

}  // namespace stronghost
