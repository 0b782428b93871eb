#include "agent/decide/gateway_health.h"

#include <algorithm>

namespace stronghost {
namespace {

constexpr absl::Duration kOverdue = absl::Milliseconds(500);  // an answer on a LAN
constexpr absl::Duration kBackSilence = absl::Seconds(5);     // two probes of one that is back
constexpr absl::Duration kBackProbe = absl::Seconds(2);

void Enter(GatewayHealth& health, GatewayState state, absl::Time now) {
  health.state = state;
  health.since = now;
}

void TakeIn(GatewayHealth& health, const HealthInput& input) {
  const GatewayEvidence& evidence = input.evidence;
  if (evidence.heard || evidence.confirmed) {
    health.evidence = input.now;
    health.answered = !evidence.heard;
    health.unanswered = absl::InfiniteFuture();
    health.probes = 0;
    health.doubted = false;
    if (health.state == GatewayState::kProbing) {
      Enter(health, GatewayState::kFine, input.now);
    } else if (health.state == GatewayState::kDead) {
      Enter(health, GatewayState::kBack, input.now);
    }
  }
  if (health.probes > 1 || (health.probes == 1 && health.probed + kOverdue <= input.now)) {
    health.doubted = true;
  }
  if (evidence.sent) {
    health.sent = input.now;
    if (!evidence.heard && !evidence.confirmed) {
      health.unanswered = std::min(health.unanswered, input.now);
    }
  }
}

bool Probe(GatewayHealth& health, absl::Duration interval, const HealthInput& input) {
  if (!input.can_probe || health.probed + interval > input.now) {
    return false;
  }
  health.probed = input.now;
  ++health.probes;
  return true;
}

bool Wanted(const GatewayHealth& health, const HealthInput& input) {
  if (input.mode == ProbeMode::kAlways || health.sent + kBusy > input.now) {
    return true;
  }
  return input.verify != absl::InfiniteDuration();
}

bool IsSuspicious(const GatewayHealth& health, const HealthInput& input) {
  const absl::Duration patience = health.answered ? kSilenceAfterAnswer : kSilence;
  // The last packet of a connection is answered by nobody: there must be more than one.
  if (health.sent + kBusy > input.now && health.unanswered + patience <= input.now &&
      health.unanswered + kSending <= health.sent) {
    return true;
  }
  if (input.mode == ProbeMode::kAlways && health.evidence + kAlways <= input.now) {
    return true;
  }
  return input.verify != absl::InfiniteDuration() && health.evidence + input.verify < input.now;
}

bool LookAtFine(GatewayHealth& health, const HealthInput& input) {
  if (health.sent + kBusy <= input.now) {
    health.unanswered = absl::InfiniteFuture();  // what was said into the silence is over
  }
  if (!input.can_probe || !IsSuspicious(health, input)) {
    return false;
  }
  Enter(health, GatewayState::kProbing, input.now);
  health.probes = 0;
  return Probe(health, kProbeInterval, input);
}

bool LookAtProbing(GatewayHealth& health, const HealthInput& input) {
  if (!input.can_probe || !Wanted(health, input)) {
    Enter(health, GatewayState::kFine, input.now);
    health.unanswered = absl::InfiniteFuture();
    return false;
  }
  if (health.probes < kProbes) {
    return Probe(health, kProbeInterval, input);
  }
  if (health.probed + kProbeInterval <= input.now) {
    Enter(health, GatewayState::kDead, input.now);
  }
  return false;
}

// Its broadcasts are a reason to ask at once.
bool LookAtDead(GatewayHealth& health, const HealthInput& input) {
  return input.group_busy &&
         Probe(health, input.evidence.seen ? kProbeInterval : kSlowProbe, input);
}

bool LookAtBack(GatewayHealth& health, const HealthInput& input) {
  if (!input.group_busy) {
    health.since = input.now;  // nothing tells whether it holds
    health.evidence = std::max(health.evidence, input.now - kBackProbe);
    return false;
  }
  if (health.evidence + kBackSilence < input.now) {
    Enter(health, GatewayState::kDead, input.now);
    return false;
  }
  if (health.since + input.failback <= input.now) {
    Enter(health, GatewayState::kFine, input.now);
    return false;
  }
  return health.evidence + kBackProbe <= input.now && Probe(health, kBackProbe, input);
}

}  // namespace

absl::string_view ToString(GatewayState state) {
  switch (state) {
    case GatewayState::kFine:
      return "fine";
    case GatewayState::kProbing:
      return "probing";
    case GatewayState::kDead:
      return "dead";
    case GatewayState::kBack:
      return "back";
  }
  return "fine";
}

bool Look(GatewayHealth& health, const HealthInput& input) {
  TakeIn(health, input);
  switch (health.state) {
    case GatewayState::kFine:
      return LookAtFine(health, input);
    case GatewayState::kProbing:
      return LookAtProbing(health, input);
    case GatewayState::kDead:
      return LookAtDead(health, input);
    case GatewayState::kBack:
      return LookAtBack(health, input);
  }
  return false;
}

}  // namespace stronghost
