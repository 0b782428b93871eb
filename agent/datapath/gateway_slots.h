// sh_gateways as mapped memory: what BPF noted of the gateways, read without a system call.
#pragma once

#include <utility>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "agent/base/net_types.h"
#include "agent/datapath/mapped_array.h"
#include "agent/decide/path_evidence.h"
#include "maps/gateways.h"

namespace stronghost {

// Owns the mapping, not the map. Move-only. An index out of range has no slots: nothing is written,
// nothing was heard.
class GatewaySlots {
 public:
  // `map_fd` may be closed afterwards.
  static absl::StatusOr<GatewaySlots> Map(int map_fd);

  // The MACs that are watched on the NIC of `home`, the first SH_GATEWAY_SLOTS of them, without any
  // mark. A frame of this moment may be noted for the MAC that was there before.
  void Watch(HomeIndex home, absl::Span<const MacAddress> macs);

  // What was noted since the last call, and clears it.
  NicEvidence Take(HomeIndex home);

 private:
  explicit GatewaySlots(MappedArray<sh_gateways> gateways) : gateways_(std::move(gateways)) {}

  MappedArray<sh_gateways> gateways_;
};

}  // namespace stronghost
