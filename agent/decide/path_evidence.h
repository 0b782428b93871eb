// What was noted on one NIC between two looks: plain values, from maps/gateways.h.
#pragma once

#include "absl/container/btree_map.h"
#include "agent/base/net_types.h"

namespace stronghost {

// Of one gateway.
struct GatewayEvidence {
  bool sent = false;       // IP packets left for it
  bool heard = false;      // unicast IP came from it
  bool confirmed = false;  // unicast ARP or ND came from it
  bool seen = false;       // broadcast or multicast came from it

  bool operator==(const GatewayEvidence&) const = default;
};

struct NicEvidence {
  absl::btree_map<MacAddress, GatewayEvidence> gateways;  // by its MAC
  bool others = false;                                    // another host was heard
  bool echo = false;  // a broadcast of another NIC of the group came in

  bool operator==(const NicEvidence&) const = default;
};

}  // namespace stronghost
