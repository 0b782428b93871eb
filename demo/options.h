// The command line of stronghost-demo.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace stronghost::demo {

struct Options {
  bool help = false;
  bool keep = false;  // leave the lab running at the end until Enter
  std::string svg = "demo-out/demo.svg";
};

extern const char kUsage[];

// InvalidArgument, with the usage, for what it doesn't know.
absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& args);

}  // namespace stronghost::demo
