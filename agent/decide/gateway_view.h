// What people are told of one gateway through one NIC. Pure.
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "agent/decide/gateway_health.h"
#include "agent/decide/path_cause.h"
#include "agent/decide/resolution.h"

namespace stronghost {

struct GatewayView {
  // "fine" | "probing" | "dead" | "back" | "unresolved"; of static storage.
  absl::string_view state = "fine";
  absl::Time since = absl::InfinitePast();
  absl::Time heard = absl::InfinitePast();
  PathCause cause = PathCause::kNone;  // kNone also: not known yet
};

// Of one that is heard as `health` says (nullptr: it is not watched), and that the kernel could not
// resolve (nullptr: it could). `path`: what is wrong with the NIC's path.
GatewayView ViewOf(const GatewayHealth* health, const Unresolved* unresolved, PathCause path);

// The state as an event tells it: who is probed is fine still.
absl::string_view ToldState(const GatewayView& view);
// Whether that is news to somebody who was told `told` last. That a gateway is dead is told
// together with the cause.
bool IsNews(const GatewayView& view, absl::string_view told);

}  // namespace stronghost
