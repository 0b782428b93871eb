// How often the carriers are asked for.
#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace stronghost {

// When BPF moves the wires of a NIC that loses its carrier.
enum class KernelFlips {
  kNever,      // it can't see a carrier: lockdown on a kernel before 6.2
  kOnPackets,  // with the next packet that would leave by it
  kAtOnce,     // at once (fentry)
};

// The kernel tells of a lost carrier at once after a second without link news. Within that second,
// of whatever NIC, it may keep the next loss to itself for up to a second (net/core/link_watch.c,
// linkwatch_schedule_work(): a plain NIC's loss is not urgent). So the pace is full while its word
// may be late. Otherwise asking is for what this agent can't hear, a loss right after news of NICs
// in other network namespaces, and each wake-up takes a busy machine's CPU from somebody: it is
// seldom, and where BPF sees each loss, it only looks whether BPF was heard.
class PollPace {
 public:
  // News of any link, from any source; also when there may have been some, as at the start.
  void OnLinkNews(absl::Time now) { late_until_ = now + kLate; }

  // When to ask next, having asked at `last`. `poll` is the full pace.
  [[nodiscard]] absl::Time Next(absl::Time last, absl::Duration poll, KernelFlips flips) const {
    const absl::Time full = last + poll;
    if (flips == KernelFlips::kNever || full < late_until_) {
      return full;
    }
    return last + std::max(poll, flips == KernelFlips::kAtOnce ? kRare : kSeldom);
  }

 private:
  static constexpr absl::Duration kLate = absl::Milliseconds(1200);
  static constexpr absl::Duration kSeldom = absl::Milliseconds(100);
  static constexpr absl::Duration kRare = absl::Seconds(1);

  absl::Time late_until_ = absl::InfinitePast();
};

}  // namespace stronghost
