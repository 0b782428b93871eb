// How often the carriers are asked for.
#include "agent/observe/poll_pace.h"

#include <gtest/gtest.h>

namespace stronghost {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(2);
constexpr absl::Duration kSeldom = absl::Milliseconds(100);
const absl::Time kNow = absl::FromUnixSeconds(1'000);

TEST(PollPaceTest, IsSlowAfterALongSilence) {
  const PollPace pace;
  EXPECT_EQ(pace.Next(kNow, kPoll, KernelFlips::kOnPackets), kNow + kSeldom);
  EXPECT_EQ(pace.Next(kNow, kPoll, KernelFlips::kAtOnce), kNow + absl::Seconds(1));
}

TEST(PollPaceTest, IsNeverQuickerThanTheConfigurationSays) {
  PollPace pace;
  pace.OnLinkNews(kNow);
  for (const KernelFlips flips :
       {KernelFlips::kNever, KernelFlips::kOnPackets, KernelFlips::kAtOnce}) {
    EXPECT_EQ(pace.Next(kNow, absl::Seconds(10), flips), kNow + absl::Seconds(10));
  }
}

TEST(PollPaceTest, IsFullForASecondAfterLinkNews) {
  PollPace pace;
  pace.OnLinkNews(kNow);
  for (const absl::Duration later : {absl::ZeroDuration(), absl::Milliseconds(1'100)}) {
    EXPECT_EQ(pace.Next(kNow + later, kPoll, KernelFlips::kOnPackets), kNow + later + kPoll);
  }
  EXPECT_EQ(pace.Next(kNow + absl::Milliseconds(1'200), kPoll, KernelFlips::kOnPackets),
            kNow + absl::Milliseconds(1'200) + kSeldom);
  // Each piece of news begins another second.
  pace.OnLinkNews(kNow + absl::Milliseconds(1'100));
  EXPECT_EQ(pace.Next(kNow + absl::Seconds(2), kPoll, KernelFlips::kOnPackets),
            kNow + absl::Seconds(2) + kPoll);
}

TEST(PollPaceTest, NewsWhileItIsSlowBringsTheNextPollForward) {
  PollPace pace;
  EXPECT_EQ(pace.Next(kNow, kPoll, KernelFlips::kOnPackets), kNow + kSeldom);
  pace.OnLinkNews(kNow + absl::Milliseconds(5));
  EXPECT_EQ(pace.Next(kNow, kPoll, KernelFlips::kOnPackets), kNow + kPoll);  // that is: at once
}

TEST(PollPaceTest, IsAlwaysFullWhereTheKernelDoesNotFlip) {
  const PollPace pace;
  EXPECT_EQ(pace.Next(kNow, kPoll, KernelFlips::kNever), kNow + kPoll);
}

}  // namespace
}  // namespace stronghost
