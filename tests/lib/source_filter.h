// Two providers that take only what comes from their own addresses (BCP 38).
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lib/lab.h"

namespace stronghost::lab {

// The lab's gateway forwards from each segment only what has a source in that segment's prefixes;
// the containers' (192.0.2.128/25, 2001:db8:c::/64) belong to the second segment. The lab needs two
// segments.
absl::Status FilterSources(Lab& lab);

// How many packets it has dropped since.
absl::StatusOr<int64_t> FilteredPackets(Lab& lab);

}  // namespace stronghost::lab
