#include "agent/decide/group_paths.h"

#include <algorithm>

namespace stronghost {
namespace {

constexpr absl::Duration kVerified = absl::Seconds(3);    // a word this old is good enough
constexpr absl::Duration kCallSlowly = absl::Seconds(5);  // for suspect NICs
constexpr absl::Duration kCallQuickly = absl::Seconds(1);
constexpr absl::Duration kCallAgain = absl::Seconds(2);      // while its homes have not returned
constexpr absl::Duration kPause = absl::Milliseconds(2500);  // between two signs of life
constexpr absl::Duration kBackSilence = absl::Seconds(5);
constexpr absl::Duration kWatched = absl::Minutes(1);  // after a recovery
constexpr absl::Duration kSoon = absl::Minutes(10);    // a relapse
constexpr absl::Duration kSure = absl::Milliseconds(800);
constexpr absl::Duration kSureAfterRelapse = absl::Seconds(10);
constexpr int kMostDoublings = 6;

bool AnyGateway(const NicPath& path, bool (*likes)(const GatewayHealth&, absl::Time),
                absl::Time now) {
  return std::any_of(path.gateways.begin(), path.gateways.end(),
                     [&](const auto& entry) { return likes(entry.second, now); });
}
bool IsSuspected(const GatewayHealth& health, absl::Time now) {
  return health.suspected(now);
}
bool IsProven(const GatewayHealth& health, absl::Time now) {
  return health.proven(now);
}
bool IsDead(const GatewayHealth& health, absl::Time /*now*/) {
  return health.state == GatewayState::kDead;
}
bool DiedNow(const GatewayHealth& health, absl::Time now) {
  return health.state == GatewayState::kDead && health.since + kFresh > now;
}
bool IsLost(const GatewayHealth& health, absl::Time /*now*/) {
  return health.state == GatewayState::kDead ||
         (health.state == GatewayState::kProbing && health.probes > 1);
}

bool AllGateways(const NicPath& path, bool (*likes)(const GatewayHealth&, absl::Time),
                 absl::Time now) {
  return !path.gateways.empty() &&
         std::all_of(path.gateways.begin(), path.gateways.end(),
                     [&](const auto& entry) { return likes(entry.second, now); });
}

class GroupLooker {
 public:
  GroupLooker(GroupPaths& paths, const std::vector<NicLook>& nics, ProbeMode mode,
              absl::Duration failback, absl::Time now)
      : paths_(paths), nics_(nics), mode_(mode), failback_(failback), now_(now) {}

  GroupLook Look() {
    for (const NicLook& nic : nics_) {
      TakeIn(nic);
    }
    for (const NicLook& nic : nics_) {
      LookAtGateways(nic);
    }
    for (const NicLook& nic : nics_) {
      LookAtPath(nic, paths_.nics[nic.name]);
    }
    Call();
    AskWitnesses();
    FindCauses();
    return std::move(out_);
  }

 private:
  bool Busy() const { return mode_ == ProbeMode::kAlways || paths_.busy + kBusy > now_; }

  void TakeIn(const NicLook& nic) {
    NicPath& path = paths_.nics[nic.name];
    if (!nic.usable()) {
      // Whatever was known of it is history, but since when it is broken.
      path = {.cause = path.cause, .cause_since = path.cause_since};
      return;
    }
    if (nic.evidence.others) {
      path.others = now_;
    }
    absl::erase_if(path.gateways, [&](const auto& entry) {
      return std::find(nic.watched.begin(), nic.watched.end(), entry.first) == nic.watched.end();
    });
    for (const MacAddress& mac : nic.watched) {
      path.gateways[mac];
    }
    for (const auto& [mac, evidence] : nic.evidence.gateways) {
      if (evidence.sent) {
        paths_.busy = now_;
      }
    }
  }

  // How old a word of the others may be: something is about to be decided by it.
  absl::Duration Verify() const {
    absl::Duration verify = absl::InfiniteDuration();
    for (const NicLook& nic : nics_) {
      const NicPath& path = paths_.nics.at(nic.name);
      if (AnyGateway(path, IsSuspected, now_) || (Busy() && AnyGateway(path, DiedNow, now_))) {
        return kVerified;
      }
      if (Busy() && nic.own_wire && AllGateways(path, IsDead, now_)) {
        verify = kFresh;
      }
    }
    return verify;
  }

  void LookAtGateways(const NicLook& nic) {
    NicPath& path = paths_.nics[nic.name];
    for (auto& [mac, health] : path.gateways) {
      HealthInput input{.mode = mode_,
                        .group_busy = Busy(),
                        .verify = Verify(),
                        .can_probe = nic.usable() && nic.own_wire,
                        .failback = failback_,
                        .now = now_};
      if (const auto found = nic.evidence.gateways.find(mac);
          found != nic.evidence.gateways.end()) {
        input.evidence = found->second;
      }
      if (stronghost::Look(health, input)) {
        out_.probes.push_back(
            {.nic = nic.name,
             .gateway = mac,
             .broadcast = health.state == GatewayState::kDead && health.probes % 2 == 0});
      }
    }
  }

  // A NIC other than `nic` through which a gateway answers.
  const NicLook* Proven(const NicLook& nic) const {
    for (const NicLook& other : nics_) {
      const NicPath& path = paths_.nics.at(other.name);
      if (&other != &nic && other.usable() && other.own_wire && path.state != PathState::kDead &&
          AnyGateway(path, IsProven, now_)) {
        return &other;
      }
    }
    return nullptr;
  }

  void LookAtPath(const NicLook& nic, NicPath& path) {
    switch (path.state) {
      case PathState::kAlive:
        if (nic.usable() && AllGateways(path, IsDead, now_) && Proven(nic) != nullptr) {
          Die(path);
        }
        return;
      case PathState::kDead:
        LookAtDead(nic, path);
        return;
      case PathState::kBack:
        LookAtBack(nic, path);
        return;
    }
  }

  void Die(NicPath& path) {
    path.relapses = path.since + kSoon > now_ ? std::min(path.relapses + 1, kMostDoublings) : 0;
    path.state = PathState::kDead;
    path.since = now_;
    path.heard = absl::InfinitePast();
    path.heard_since = absl::InfiniteFuture();
  }

  // The broadcasts of a NIC that hears nobody itself prove nothing.
  bool HearsSegment(const NicLook& nic) const {
    const auto& gateways = nic.evidence.gateways;
    return (nic.evidence.echo && Proven(nic) != nullptr) ||
           std::any_of(gateways.begin(), gateways.end(), [](const auto& entry) {
             return entry.second.heard || entry.second.confirmed || entry.second.seen;
           });
  }

  void Note(const NicLook& nic, NicPath& path) {
    if (HearsSegment(nic)) {
      if (path.heard + kPause < now_) {
        path.heard_since = now_;
      }
      path.heard = now_;
    } else if (path.heard + kPause < now_) {
      path.heard_since = absl::InfiniteFuture();
    }
  }

  void LookAtDead(const NicLook& nic, NicPath& path) {
    Note(nic, path);
    const absl::Duration sure =
        path.relapses == 0 ? kSure : kSureAfterRelapse * (1 << (path.relapses - 1));
    const bool answers = nic.own_wire && !AllGateways(path, IsDead, now_);
    if (!answers && path.heard_since + sure > now_) {
      return;
    }
    path.state = PathState::kBack;
    path.since = now_;
    for (auto& [mac, health] : path.gateways) {
      health = {.since = now_};  // nothing is known of them yet
    }
  }

  void LookAtBack(const NicLook& nic, NicPath& path) {
    Note(nic, path);
    if (nic.own_wire || path.since + kWatched <= now_) {
      path.state = PathState::kAlive;
    } else if (Busy() && path.heard + kBackSilence < now_) {
      Die(path);
    }
  }

  void Call() {
    absl::Duration interval = absl::InfiniteDuration();
    const NicLook* caller = nullptr;
    for (const NicLook& nic : nics_) {
      const NicPath& path = paths_.nics.at(nic.name);
      const NicLook* proven = Proven(nic);
      if (path.state == PathState::kAlive || !nic.usable() || nic.own_wire || proven == nullptr) {
        continue;
      }
      caller = proven;
      interval = std::min(interval, path.state == PathState::kBack ? kCallAgain
                                    : path.heard + kPause >= now_  ? kCallQuickly
                                                                   : kCallSlowly);
    }
    if (caller != nullptr && Busy() && paths_.called + interval <= now_) {
      paths_.called = now_;
      out_.call = caller->name;
    }
  }

  // The gateways are silent on all NICs: is anybody there?
  void AskWitnesses() {
    for (const NicLook& nic : nics_) {
      const NicPath& path = paths_.nics.at(nic.name);
      const bool fresh = path.others + kVerified > now_;
      const absl::Duration interval = AllGateways(path, IsDead, now_) ? kSlowProbe : kProbeInterval;
      if (nic.usable() && nic.own_wire && Busy() && !fresh && AllGateways(path, IsLost, now_) &&
          Proven(nic) == nullptr && paths_.asked + interval <= now_) {
        paths_.asked = now_;
        out_.witnesses = nic.name;
      }
    }
  }

  // Another host was heard after the gateways fell silent.
  bool HearsOthers(const NicPath& path) const {
    absl::Time last = absl::InfinitePast();
    for (const auto& [mac, health] : path.gateways) {
      last = std::max(last, health.evidence);
    }
    return path.others + kSlowProbe + kProbeInterval > now_ && path.others >= last + kSilence;
  }

  PathView ViewOf(const NicLook& nic) const {
    const NicPath& path = paths_.nics.at(nic.name);
    PathView view{.there = nic.there,
                  .carrier = nic.carrier,
                  .gateways = static_cast<int>(path.gateways.size()),
                  .proven = path.state != PathState::kDead && AnyGateway(path, IsProven, now_),
                  .others = HearsOthers(path),
                  .set_aside = path.state == PathState::kDead};
    for (const auto& [mac, health] : path.gateways) {
      view.dead += health.state == GatewayState::kDead ? 1 : 0;
      view.probing += health.state == GatewayState::kProbing ? 1 : 0;
    }
    if (nic.hosts && view.dead < view.gateways) {
      view.dead = 0;
    }
    return view;
  }

  void FindCauses() {
    std::vector<PathView> views;
    for (const NicLook& nic : nics_) {
      views.push_back(ViewOf(nic));
    }
    for (size_t i = 0; i < nics_.size(); ++i) {
      NicPath& path = paths_.nics[nics_[i].name];
      const PathCause cause = CauseOf(views, i);
      // Nobody asks without traffic, so nobody answers: that is no news.
      if (cause == PathCause::kNone && views[i].probing > 0 && nics_[i].usable() &&
          path.cause != PathCause::kNone) {
        continue;  // not known yet whether it is over
      }
      const bool silent = cause == PathCause::kGateway || cause == PathCause::kSegment;
      const bool was_silent =
          path.cause == PathCause::kGateway || path.cause == PathCause::kSegment;
      if (cause != path.cause && (Busy() || !silent || !was_silent)) {
        path.cause = cause;
        path.cause_since = now_;
      }
    }
  }

  GroupPaths& paths_;
  const std::vector<NicLook>& nics_;
  ProbeMode mode_;
  absl::Duration failback_;
  absl::Time now_;
  GroupLook out_;
};

}  // namespace

bool NicPath::AnyAlive() const {
  return gateways.empty() || std::any_of(gateways.begin(), gateways.end(), [](const auto& entry) {
           return entry.second.state != GatewayState::kDead;
         });
}

GroupLook Look(GroupPaths& paths, const std::vector<NicLook>& nics, ProbeMode mode,
               absl::Duration failback, absl::Time now) {
  return GroupLooker(paths, nics, mode, failback, now).Look();
}

}  // namespace stronghost
