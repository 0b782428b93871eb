// How long it takes from the loss of a NIC's carrier to the flip of its home's wire.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/base/net_types.h"
#include "agent/datapath/home_slots.h"

struct carrier_stamp_bpf;

namespace stronghost::bench {

// The loss is stamped by a program of the bench's own at netif_carrier_off(), so the kernel has to
// allow that. The flip is seen by another one at the end of that function, or in the mapped
// sh_homes by looks that are 20 us apart and, later than 2 ms after the loss, a hundredth of the
// time that has passed.
class FlipWatch {
 public:
  // For the NICs of the calling thread's network namespace and the maps pinned in `pin_dir`.
  static absl::StatusOr<std::unique_ptr<FlipWatch>> Open(const std::string& pin_dir);
  FlipWatch(const FlipWatch&) = delete;
  FlipWatch& operator=(const FlipWatch&) = delete;
  ~FlipWatch();

  // Of the home that the NIC is; no wire when it is none.
  [[nodiscard]] Path PathOf(IfIndex nic) const;

  // Begins to look, on a thread of its own that goes before all others.
  void Arm(IfIndex nic);
  // Waits for the flip, at most 5 s; from the loss to it.
  absl::StatusOr<absl::Duration> Await();

 private:
  [[nodiscard]] uint32_t SlotOf(IfIndex nic) const;  // 0: none
  explicit FlipWatch(HomeSlots homes) : homes_(std::move(homes)) {}
  void Look(IfIndex nic);

  HomeSlots homes_;
  carrier_stamp_bpf* stamp_ = nullptr;
  std::thread looker_;
  std::optional<int64_t> flipped_ns_;  // by the looker, to be read when it has ended
};

}  // namespace stronghost::bench
