// A look inside the running agent, by the commands that an operator has.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "demo/stage.h"

namespace stronghost::demo {

// A command and what it printed.
struct Peek {
  std::string command;
  std::string output;
};

// `stronghost status`, and one entry of a map by bpftool.
absl::StatusOr<std::vector<Peek>> LookInside(Stage& stage);

// What a reader may try while this lab lives, to be pasted into a root shell of the host.
std::string CommandsToTry(Stage& stage);

}  // namespace stronghost::demo
