// How often the carriers are asked for.
#pragma once

#include "absl/time/time.h"

namespace stronghost {

// The kernel tells of a lost carrier at once after a second without link news. Within that second,
// of whatever NIC, it may keep the next loss to itself for up to a second (net/core/link_watch.c,
// linkwatch_schedule_work(): a plain NIC's loss is not urgent). So the pace is full while its word
// may be late. Otherwise it is a tenth, for news that this agent can't hear: of NICs in other
// network namespaces. Each wake-up takes a busy machine's CPU from somebody.
class PollPace {
 public:
  // News of any link, from any source; also when there may have been some, as at the start.
  void OnLinkNews(absl::Time now) { late_until_ = now + kLate; }

  // When to ask next, having asked at `last`. `poll` is the full pace. `kernel_flips`: BPF sees a
  // lost carrier itself; where it does not, the pace is always full.
  [[nodiscard]] absl::Time Next(absl::Time last, absl::Duration poll, bool kernel_flips) const {
    const absl::Time full = last + poll;
    return !kernel_flips || full < late_until_ ? full : last + kRare * poll;
  }

 private:
  static constexpr absl::Duration kLate = absl::Milliseconds(1200);
  static constexpr int kRare = 10;

  absl::Time late_until_ = absl::InfinitePast();
};

}  // namespace stronghost
