// The part of ValidateConfig() that looks at [[group.prefix]].
#pragma once

#include <vector>

#include "agent/config/config.h"
#include "agent/config/source_map.h"

namespace stronghost {

// Appends what is wrong with them, in all groups together. One prefix may lie in another as long as
// both have one home.
void ValidatePrefixes(const Config& config, const SourceMap& sources,
                      std::vector<ConfigProblem>* problems);

}  // namespace stronghost
