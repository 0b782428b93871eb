#include "agent/decide/gateway_view.h"

namespace stronghost {

GatewayView ViewOf(const GatewayHealth* health, const Unresolved* unresolved, PathCause path) {
  GatewayView view;
  if (health != nullptr) {
    view = {.state = ToString(health->state), .since = health->since, .heard = health->evidence};
  }
  const bool dead = health != nullptr && health->state == GatewayState::kDead;
  if (unresolved != nullptr && !unresolved->back()) {
    view.state = "unresolved";
    view.since = unresolved->since;
    view.cause = path == PathCause::kNone ? PathCause::kGateway : path;
  } else if (dead) {
    view.cause = path;
  } else if (unresolved != nullptr) {
    view.state = ToString(GatewayState::kBack);
    view.since = unresolved->answered;
  }
  return view;
}

absl::string_view ToldState(const GatewayView& view) {
  return view.state == ToString(GatewayState::kProbing) ? ToString(GatewayState::kFine)
                                                        : view.state;
}

bool IsNews(const GatewayView& view, absl::string_view told) {
  const bool cause_to_come =
      view.state == ToString(GatewayState::kDead) && view.cause == PathCause::kNone;
  return ToldState(view) != told && !cause_to_come;
}

}  // namespace stronghost
