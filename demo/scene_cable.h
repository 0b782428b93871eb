// Third scene: a cable is pulled under load, and plugged in again.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "demo/interrupt.h"
#include "demo/score.h"
#include "demo/stage.h"

namespace stronghost::demo {

// Calls `say` with a line for everything that happens, and `meanwhile` once while the cable is out.
// Cancelled when interrupted.
absl::StatusOr<CableScore> PullTheCable(Stage& stage, const Interrupt& interrupt,
                                        const std::function<void(const std::string&)>& say,
                                        const std::function<absl::Status()>& meanwhile);

}  // namespace stronghost::demo
