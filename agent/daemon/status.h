// What status and explain show, made of what the engine knows.
#pragma once

#include "absl/status/statusor.h"
#include "agent/daemon/engine.h"
#include "agent/serve/report.h"

namespace stronghost {

// `started`: when the daemon was (monotonic).
StatusReport MakeStatus(Engine& engine, absl::Time started);

// The verdict on a packet from `source` to `destination`, as steer would give it. `scope` names
// the NIC of a link-local source.
absl::StatusOr<ExplainReport> MakeExplain(Engine& engine, const IpAddress& source,
                                          const IpAddress& destination, const std::string& scope);

}  // namespace stronghost
