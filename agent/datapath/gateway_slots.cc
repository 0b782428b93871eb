#include "agent/datapath/gateway_slots.h"

#include <cstring>
#include <utility>

#include "agent/base/status.h"

namespace stronghost {
namespace {

bool TakeMark(uint8_t* mark) {
  // Most marks are not set: the cache line stays shared then.
  return __atomic_load_n(mark, __ATOMIC_RELAXED) != 0 &&
         __atomic_exchange_n(mark, 0, __ATOMIC_RELAXED) != 0;
}

}  // namespace

absl::StatusOr<GatewaySlots> GatewaySlots::Map(int map_fd) {
  ASSIGN_OR_RETURN(auto gateways, MappedArray<sh_gateways>::Map(map_fd, "sh_gateways"));
  return GatewaySlots(std::move(gateways));
}

void GatewaySlots::Watch(HomeIndex home, absl::Span<const MacAddress> macs) {
  sh_gateways* gateways = gateways_.Slot(home);
  if (gateways == nullptr) {
    return;
  }
  for (size_t i = 0; i < SH_GATEWAY_SLOTS; ++i) {
    sh_gateway& slot = gateways->slot[i];
    const MacAddress mac = i < macs.size() ? macs[i] : MacAddress();
    std::memcpy(slot.mac.bytes, mac.bytes.data(), mac.bytes.size());
  }
  Take(home);
}

NicEvidence GatewaySlots::Take(HomeIndex home) {
  NicEvidence evidence;
  sh_gateways* gateways = gateways_.Slot(home);
  if (gateways == nullptr) {
    return evidence;
  }
  for (sh_gateway& slot : gateways->slot) {
    MacAddress mac;
    std::memcpy(mac.bytes.data(), slot.mac.bytes, mac.bytes.size());
    if (mac.IsZero()) {
      continue;
    }
    evidence.gateways[mac] = {.sent = TakeMark(&slot.sent),
                              .heard = TakeMark(&slot.heard),
                              .confirmed = TakeMark(&slot.confirmed),
                              .seen = TakeMark(&slot.seen)};
  }
  evidence.others = TakeMark(&gateways->others);
  evidence.echo = TakeMark(&gateways->echo);
  return evidence;
}

}  // namespace stronghost
