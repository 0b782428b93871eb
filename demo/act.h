// All scenes on one host, told as they go.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "demo/interrupt.h"
#include "demo/peek.h"
#include "demo/score.h"
#include "demo/stage.h"

namespace stronghost::demo {

struct ActResult {
  HostScore score;
  std::vector<Peek> peeks;  // with the agent only
  Stage stage;              // as the last scene left it
};

// Plays on fresh labs. Cancelled when interrupted.
absl::StatusOr<ActResult> Play(bool with_agent, const Interrupt& interrupt, std::ostream& out,
                               bool color);

}  // namespace stronghost::demo
