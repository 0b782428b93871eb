// The JSON of what operators order and ask (drain, move, what-if): of `--json`, and of the varlink
// methods. agent/serve/interface.cc defines the keys.
#pragma once

#include "absl/status/statusor.h"
#include "agent/serve/json.h"
#include "agent/serve/report.h"

namespace stronghost {

Json DrainToJson(const DrainReport& report);
Json MoveToJson(const MoveReport& report);
Json WhatIfToJson(const WhatIfReport& report);

// The other way round, as in status_json.h.
absl::StatusOr<DrainReport> DrainFromJson(const Json& json);
absl::StatusOr<MoveReport> MoveFromJson(const Json& json);
absl::StatusOr<WhatIfReport> WhatIfFromJson(const Json& json);

}  // namespace stronghost
