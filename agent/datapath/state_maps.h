// The maps that hold a DatapathState, and the order in which a new state is written: at no moment
// may a packet be judged by half of it.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "agent/datapath/gateway_slots.h"
#include "agent/datapath/home_slots.h"
#include "agent/datapath/loaded_object.h"
#include "agent/datapath/map_io.h"
#include "agent/datapath/nic_map.h"
#include "agent/decide/desired.h"
#include "maps/addresses.h"

namespace stronghost {

struct StateMaps {
  HomeSlots homes;
  GatewaySlots gateways;
  TypedMap<sh_address_key, sh_address> addresses;
  TypedMap<sh_prefix_key, sh_address> prefixes;
  NicMap nics;
  int counters_fd;

  static absl::StatusOr<StateMaps> Open(const MapFds& fds);
};

// What the maps say. Homes are the live slots; their names are asked of the kernel ("" when the
// NIC is gone).
absl::StatusOr<DatapathState> ReadState(const StateMaps& maps);

// Changes the maps from `previous` to `desired`:
//   homes and their NICs, then addresses and prefixes that point to them; then the addresses and
//   prefixes that are no more, at last the homes and NICs that nothing points to.
// A slot that goes to another NIC is emptied first, with all that points to it. The path of a home
// that stays is swapped from its previous value; a home whose path BPF has changed meanwhile keeps
// it, and is returned: decide anew. On error the maps hold a part of the change; applying the same
// state again from ReadState() finishes it.
absl::StatusOr<std::vector<HomeIndex>> ApplyState(StateMaps* maps, const DatapathState& desired,
                                                  const DatapathState& previous);

}  // namespace stronghost
