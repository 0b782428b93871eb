// How often the kernel's addresses, routes and rules are put right: somebody may undo it each time,
// and his news asks for the next.
#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace stronghost {

// kBurst writes at once, then one each kInterval. Pure: time comes in.
class WritePace {
 public:
  static constexpr int kBurst = 50;
  static constexpr absl::Duration kInterval = absl::Milliseconds(50);
  // Refused again and again for so long, with no pause of kPause: a quarrel, or a long script.
  static constexpr absl::Duration kQuarrel = absl::Seconds(3);
  static constexpr absl::Duration kPause = absl::Seconds(1);

  // Whether to write now; counts if so. If not, ask again at Next().
  bool Take(absl::Time now) {
    if (Next() > now) {
      if (now >= refused_ + kPause) {
        refused_since_ = now;
      }
      refused_ = now;
      return false;
    }
    full_at_ = std::max(full_at_, now) + kInterval;
    return true;
  }
  [[nodiscard]] absl::Time Next() const { return full_at_ - (kBurst - 1) * kInterval; }

  [[nodiscard]] bool IsQuarrel(absl::Time now) const {
    return now < refused_ + kPause && refused_ >= refused_since_ + kQuarrel;
  }

 private:
  absl::Time full_at_ = absl::InfinitePast();  // when nothing will count any more
  absl::Time refused_ = absl::InfinitePast();  // the last time
  absl::Time refused_since_ = absl::InfinitePast();
};

}  // namespace stronghost
