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
  // Long enough for a script that adds addresses one by one; who takes longer undoes something.
  static constexpr absl::Duration kQuarrel = absl::Seconds(3);

  // Whether to write now; counts if so. If not, ask again at Next().
  bool Take(absl::Time now) {
    if (now >= full_at_) {
      short_since_ = absl::InfiniteFuture();
    }
    if (Next() > now) {
      short_since_ = std::min(short_since_, now);
      return false;
    }
    full_at_ = std::max(full_at_, now) + kInterval;
    return true;
  }
  [[nodiscard]] absl::Time Next() const { return full_at_ - (kBurst - 1) * kInterval; }

  // Writes have been short for kQuarrel, and not been seldom since.
  [[nodiscard]] bool IsQuarrel(absl::Time now) const {
    return now < full_at_ && now >= short_since_ + kQuarrel;
  }

 private:
  absl::Time full_at_ = absl::InfinitePast();  // when nothing will count any more
  absl::Time short_since_ = absl::InfiniteFuture();
};

}  // namespace stronghost
