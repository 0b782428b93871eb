#include "agent/act/removal_limit.h"

#include <gtest/gtest.h>

namespace stronghost {
namespace {

const RemovalLimit::Copy kCopy{IfIndex{2}, IpAddress::V4(1)};
const RemovalLimit::Copy kOther{IfIndex{3}, IpAddress::V4(1)};

TEST(RemovalLimit, AllowsAFewWithinTheWindowAndThenNoneUntilOneIsOld) {
  RemovalLimit limit;
  absl::Time now = absl::FromUnixSeconds(1000);
  for (size_t i = 0; i < RemovalLimit::kMost; ++i) {
    EXPECT_TRUE(limit.Take(kCopy, now));
    now += absl::Seconds(1);
  }
  EXPECT_FALSE(limit.Take(kCopy, now));
  EXPECT_TRUE(limit.Take(kOther, now));
  now = absl::FromUnixSeconds(1000) + RemovalLimit::kWindow;
  EXPECT_TRUE(limit.Take(kCopy, now));
  EXPECT_FALSE(limit.Take(kCopy, now + RemovalLimit::kSame));
}

TEST(RemovalLimit, CountsWhatIsAskedWhileTheNewsIsUnderWayOnce) {
  RemovalLimit limit;
  const absl::Time now = absl::FromUnixSeconds(1000);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(limit.Take(kCopy, now + absl::Milliseconds(i % 50)));
  }
  EXPECT_TRUE(limit.Take(kCopy, now + absl::Seconds(1)));
}

// A move takes the address off as well, however often it is ordered.
TEST(RemovalLimit, DoesNotCountWhatWasNoCopy) {
  RemovalLimit limit;
  absl::Time now = absl::FromUnixSeconds(1000);
  for (size_t i = 0; i < 3 * RemovalLimit::kMost; ++i) {
    limit.Forget(kCopy);
    EXPECT_TRUE(limit.Take(kCopy, now));
    now += absl::Seconds(1);
  }
}

TEST(RemovalLimit, ForgetsWhatIsOld) {
  RemovalLimit limit;
  const absl::Time now = absl::FromUnixSeconds(1000);
  for (size_t i = 0; i < RemovalLimit::kMost; ++i) {
    EXPECT_TRUE(limit.Take(kCopy, now + absl::Seconds(static_cast<int>(i))));
  }
  limit.Prune(now + absl::Seconds(30));
  EXPECT_FALSE(limit.Take(kCopy, now + absl::Seconds(30)));
  limit.Prune(now + absl::Minutes(2));
  EXPECT_TRUE(limit.Take(kCopy, now + absl::Minutes(2)));
}

}  // namespace
}  // namespace stronghost
