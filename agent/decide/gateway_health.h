// Whether one gateway answers through one NIC (RFC 1122 section 3.3.1.4, RFC 4861 section 7.3).
// Pure: fed with what was noted since the last look, it says when to ask the gateway.
//
//            sending, nothing heard          three probes unanswered
//     fine ───────────────────────> probing ───────────────────────> dead
//      ^ ^                             │                               │ heard
//      │ └──────── heard, or no more ──┘                               v
//      │               traffic                      heard for      ┌─ back ──> dead, when it falls
//      └─────────────────────────────────────────── `failback` ────┘           silent again
//
// After traffic in both directions a second of silence is suspicious. Where the last word was an
// answer to a probe (a one-way stream), it counts for half a minute. Without traffic nothing is
// asked, and so nothing is ever found dead.
#pragma once

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/config/config.h"
#include "agent/decide/path_evidence.h"

namespace stronghost {

constexpr absl::Duration kSilence = absl::Seconds(1);              // after traffic both ways
constexpr absl::Duration kSilenceAfterAnswer = absl::Seconds(30);  // RFC 4861: REACHABLE_TIME
constexpr absl::Duration kSending = absl::Milliseconds(300);       // more than a last word
constexpr absl::Duration kBusy = absl::Seconds(3);                 // traffic counts for this long
constexpr absl::Duration kProbeInterval = absl::Seconds(1);        // RFC 4861: RETRANS_TIMER
constexpr int kProbes = 3;                                         // MAX_UNICAST_SOLICIT
constexpr absl::Duration kSlowProbe = absl::Seconds(10);           // of a dead one
constexpr absl::Duration kAlways = absl::Seconds(5);               // probe = "always"
constexpr absl::Duration kFresh = absl::Seconds(10);               // evidence that it works now

enum class GatewayState { kFine, kProbing, kDead, kBack };

// "fine", "probing", "dead", "back".
absl::string_view ToString(GatewayState state);

struct GatewayHealth {
  GatewayState state = GatewayState::kFine;
  absl::Time since = absl::InfinitePast();         // of the state
  absl::Time evidence = absl::InfinitePast();      // unicast came from it
  bool answered = false;                           // what came was an answer, not traffic
  absl::Time sent = absl::InfinitePast();          // traffic left for it
  absl::Time unanswered = absl::InfiniteFuture();  // such traffic, first since the evidence
  int probes = 0;                                  // since the evidence
  absl::Time probed = absl::InfinitePast();
  bool doubted = false;  // a probe that should have been answered was not, since the evidence

  [[nodiscard]] bool alive() const {
    return state == GatewayState::kFine || state == GatewayState::kProbing;
  }
  // It was heard a moment ago, and did not fail to answer since.
  [[nodiscard]] bool proven(absl::Time now) const {
    return state != GatewayState::kDead && evidence + kFresh >= now && !doubted;
  }
  // Traffic for it, and it does not answer what it is asked meanwhile.
  [[nodiscard]] bool suspected(absl::Time now) const {
    return state == GatewayState::kProbing && doubted && sent + kBusy > now;
  }

  bool operator==(const GatewayHealth&) const = default;
};

struct HealthInput {
  GatewayEvidence evidence;  // since the last look
  ProbeMode mode = ProbeMode::kOnSuspicion;
  bool group_busy = false;  // the group sends to a gateway, by whatever NIC
  // The others' trouble asks for a word from this one, if its last is older than that.
  absl::Duration verify = absl::InfiniteDuration();
  bool can_probe = true;  // a frame of ours may leave by this NIC
  absl::Duration failback = absl::Seconds(5);
  absl::Time now;
};

// One look. True: send a probe now.
[[nodiscard]] bool Look(GatewayHealth& health, const HealthInput& input);

}  // namespace stronghost
