// Second scene: by which NIC do packets leave?
#pragma once

#include "absl/status/statusor.h"
#include "demo/score.h"
#include "demo/stage.h"

namespace stronghost::demo {

// The server sends from each of its addresses to the client and to the host behind the gateway; the
// switch's ports are watched.
absl::StatusOr<WayOutScore> WatchTheWayOut(Stage& stage);

}  // namespace stronghost::demo
