// First scene: who answers for an address?
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "demo/score.h"
#include "demo/stage.h"

namespace stronghost::demo {

// The client asks a hundred times by ARP for each IPv4 address of the server.
absl::StatusOr<std::vector<ArpScore>> AskByArp(Stage& stage);

}  // namespace stronghost::demo
