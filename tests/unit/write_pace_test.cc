#include "agent/act/write_pace.h"

#include <gtest/gtest.h>

namespace stronghost {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1000);

// As often as it may, each millisecond; returns how often that was.
int Write(WritePace& pace, absl::Time from, absl::Duration time) {
  int written = 0;
  for (absl::Time now = from; now < from + time; now += absl::Milliseconds(1)) {
    written += pace.Take(now) ? 1 : 0;
  }
  return written;
}

TEST(WritePace, ABurstIsFreeAndWhatFollowsIsPaced) {
  WritePace pace;
  EXPECT_EQ(Write(pace, kStart, absl::Milliseconds(WritePace::kBurst)), WritePace::kBurst);
  const absl::Time later = kStart + absl::Milliseconds(WritePace::kBurst);
  const auto paced = static_cast<int>(absl::Seconds(10) / WritePace::kInterval);
  EXPECT_NEAR(Write(pace, later, absl::Seconds(10)), paced, 2);
}

TEST(WritePace, NextIsWhenTheNextOneIsFree) {
  WritePace pace;
  while (pace.Take(kStart)) {
  }
  EXPECT_FALSE(pace.Take(pace.Next() - absl::Nanoseconds(1)));
  EXPECT_TRUE(pace.Take(pace.Next()));
}

TEST(WritePace, OneThatWritesNowAndThenIsNeverHeldBack) {
  WritePace pace;
  for (absl::Time now = kStart; now < kStart + absl::Minutes(1); now += WritePace::kInterval) {
    ASSERT_TRUE(pace.Take(now));
  }
  EXPECT_FALSE(pace.IsQuarrel(kStart + absl::Minutes(1)));
  // Nor after it once was.
  Write(pace, kStart + absl::Minutes(1), absl::Seconds(1));
  const absl::Time after = kStart + absl::Minutes(1) + absl::Seconds(1);
  for (absl::Time now = after; now < after + absl::Minutes(1); now += absl::Milliseconds(60)) {
    pace.Take(now);
    ASSERT_FALSE(pace.IsQuarrel(now)) << now - after;
  }
}

TEST(WritePace, ItIsAQuarrelAfterAWhileAndUntilItHasBeenQuiet) {
  WritePace pace;
  Write(pace, kStart, absl::Seconds(2));
  EXPECT_FALSE(pace.IsQuarrel(kStart + absl::Seconds(2))) << "a script";
  Write(pace, kStart + absl::Seconds(2), absl::Seconds(3));
  const absl::Time end = kStart + absl::Seconds(5);
  EXPECT_TRUE(pace.IsQuarrel(end));
  EXPECT_FALSE(pace.IsQuarrel(end + WritePace::kPause));
  // A new one begins from the start.
  Write(pace, end + absl::Seconds(2), absl::Seconds(2));
  EXPECT_FALSE(pace.IsQuarrel(end + absl::Seconds(4)));
}

}  // namespace
}  // namespace stronghost
