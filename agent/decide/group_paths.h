// The gateways of one group through all its NICs: whom to ask, which NIC's path is dead although
// its carrier is up, and which gateway to use. Pure.
//
// A NIC is suspect when no gateway answers through it any more and one does through another NIC of
// the group: never because all are silent. A suspect NIC sends nothing (with mac = "follow" its MAC
// is at work elsewhere), so it is not probed: a NIC whose path is good is asked to broadcast a
// question for a gateway now and then, while there is traffic, and the suspect one, whose path is
// good again, hears it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "agent/decide/gateway_health.h"
#include "agent/decide/path_cause.h"

namespace stronghost {

enum class PathState { kAlive, kDead, kBack };

// One NIC, as it is known from look to look.
struct NicPath {
  absl::btree_map<MacAddress, GatewayHealth> gateways;
  PathState state = PathState::kAlive;
  absl::Time since = absl::InfinitePast();          // of the state
  absl::Time others = absl::InfinitePast();         // another host was heard
  absl::Time heard = absl::InfinitePast();          // suspect: a sign that the path works
  absl::Time heard_since = absl::InfiniteFuture();  // without a longer pause
  PathCause cause = PathCause::kNone;               // what is wrong with it
  absl::Time cause_since = absl::InfinitePast();
  int relapses = 0;  // found dead soon after it was back: then good news has to last longer

  // A gateway is not known to be dead; also where none is watched.
  [[nodiscard]] bool AnyAlive() const;
};

struct GroupPaths {
  absl::btree_map<std::string, NicPath> nics;
  absl::Time busy = absl::InfinitePast();    // traffic for a gateway
  absl::Time called = absl::InfinitePast();  // a broadcast for suspect NICs
  absl::Time asked = absl::InfinitePast();   // neighbours, whether anybody is there
};

// One NIC at one look.
struct NicLook {
  std::string name;
  bool there = false;  // and set up
  bool carrier = false;
  bool drained = false;
  bool own_wire = false;  // carries its own home: frames under its own MAC may leave by it
  std::vector<MacAddress> watched;
  bool hosts = false;  // they are no gateways: any of them stands for the segment
  NicEvidence evidence;

  [[nodiscard]] bool usable() const { return there && carrier && !drained; }
};

// A gateway to be asked through a NIC, under the NIC's own MAC.
struct GatewayProbe {
  std::string nic;
  MacAddress gateway;
  // Not known to be there: by broadcast, so that one with another MAC answers as well.
  bool broadcast = false;

  auto operator<=>(const GatewayProbe&) const = default;
};

struct GroupLook {
  std::vector<GatewayProbe> probes;
  std::string call;       // NIC that broadcasts a question; "": none
  std::string witnesses;  // NIC through which neighbours are asked; "": none
};

// One look at all members, those without a link included.
GroupLook Look(GroupPaths& paths, const std::vector<NicLook>& nics, ProbeMode mode,
               absl::Duration failback, absl::Time now);

}  // namespace stronghost
