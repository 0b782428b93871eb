#include "agent/datapath/gateway_slots.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/base/status.h"

namespace stronghost {
namespace {

// The slots lie side by side only so.
static_assert(sizeof(sh_gateways) % 8 == 0);

bool TakeMark(uint8_t* mark) {
  // Most marks are not set: the cache line stays shared then.
  return __atomic_load_n(mark, __ATOMIC_RELAXED) != 0 &&
         __atomic_exchange_n(mark, 0, __ATOMIC_RELAXED) != 0;
}

}  // namespace

absl::StatusOr<GatewaySlots> GatewaySlots::Map(int map_fd) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t length = (sizeof(sh_gateways) * SH_HOMES_MAX + page - 1) / page * page;
  void* memory = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
  if (memory == MAP_FAILED) {
    return ErrnoError(errno, "map sh_gateways into memory");
  }
  return GatewaySlots(static_cast<std::byte*>(memory), length);
}

GatewaySlots::GatewaySlots(GatewaySlots&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), length_(other.length_) {}

GatewaySlots::~GatewaySlots() {
  if (memory_ != nullptr) {
    munmap(memory_, length_);
  }
}

sh_gateways* GatewaySlots::Slot(HomeIndex home) const {
  if (home == HomeIndex::kNone || ToInt(home) >= SH_HOMES_MAX) {
    return nullptr;
  }
  return static_cast<sh_gateways*>(static_cast<void*>(memory_)) + ToInt(home);
}

void GatewaySlots::Watch(HomeIndex home, absl::Span<const MacAddress> macs) {
  sh_gateways* gateways = Slot(home);
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
  sh_gateways* gateways = Slot(home);
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
