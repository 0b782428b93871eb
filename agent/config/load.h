// From stronghost.toml(5) to a checked Config, or to all that is wrong with the file at once.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/config/config.h"
#include "agent/config/source_map.h"

namespace stronghost {

// With problems, `config` is what could be read of the file: good for further messages only.
struct LoadedConfig {
  Config config;
  SourceMap sources;                    // positions, for checks against the machine
  std::vector<ConfigProblem> problems;  // in the order of the file

  [[nodiscard]] bool ok() const { return problems.empty(); }
};

// Reads and checks a file of up to 64 MiB. A file that cannot be read is a problem too.
LoadedConfig LoadConfig(const std::string& path);

// Reads and checks a text; `file` is its name in the problems.
LoadedConfig ParseConfig(absl::string_view text, absl::string_view file);

}  // namespace stronghost
