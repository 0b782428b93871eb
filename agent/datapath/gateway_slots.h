// sh_gateways as mapped memory: what BPF noted of the gateways, read without a system call.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "agent/base/net_types.h"
#include "agent/decide/path_evidence.h"
#include "maps/gateways.h"

namespace stronghost {

// Owns the mapping, not the map. Move-only. An index out of range has no slots: nothing is written,
// nothing was heard.
class GatewaySlots {
 public:
  // `map_fd` may be closed afterwards.
  static absl::StatusOr<GatewaySlots> Map(int map_fd);
  GatewaySlots(GatewaySlots&& other) noexcept;
  GatewaySlots& operator=(GatewaySlots&&) = delete;
  GatewaySlots(const GatewaySlots&) = delete;
  GatewaySlots& operator=(const GatewaySlots&) = delete;
  ~GatewaySlots();

  // The MACs that are watched on the NIC of `home`, the first SH_GATEWAY_SLOTS of them, without any
  // mark. A frame of this moment may be noted for the MAC that was there before.
  void Watch(HomeIndex home, absl::Span<const MacAddress> macs);

  // What was noted since the last call, and clears it.
  NicEvidence Take(HomeIndex home);

 private:
  GatewaySlots(std::byte* memory, size_t length) : memory_(memory), length_(length) {}
  [[nodiscard]] sh_gateways* Slot(HomeIndex home) const;

  std::byte* memory_;
  size_t length_;
};

}  // namespace stronghost
