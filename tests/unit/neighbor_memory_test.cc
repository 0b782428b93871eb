// Neighbours, remembered for a moment beyond the kernel's cache.
#include "agent/observe/neighbor_memory.h"

#include <linux/neighbour.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stronghost {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr IfIndex kEth0{2};
constexpr IfIndex kEth1{3};
constexpr absl::Duration kKept = NeighborMemory::kDroppedKept;

NeighborFact Neighbor(IfIndex link, const char* ip, uint16_t state = NUD_REACHABLE) {
  return {.link = link,
          .ip = IpAddress::Parse(ip).value(),
          .mac = {{0x02, 0, 0x5e, 0, 0, 0x77}},
          .state = state};
}

class NeighborMemoryTest : public testing::Test {
 protected:
  const absl::Time now_ = absl::FromUnixSeconds(1000);
  const NeighborFact client_ = Neighbor(kEth0, "198.51.100.10");
  NeighborMemory memory_;
};

TEST_F(NeighborMemoryTest, KnowsWhoAnsweredOnWhichNic) {
  const NeighborFact router = Neighbor(kEth0, "fe80::1", NUD_STALE);
  memory_.Seen(client_, now_);
  memory_.Seen(router, now_);
  memory_.Seen(Neighbor(kEth1, "198.51.100.11"), now_);
  EXPECT_THAT(memory_.On(kEth0, now_ + absl::Hours(24)), ElementsAre(client_, router));
}

TEST_F(NeighborMemoryTest, ForgetsAtOnceWhoDoesNotAnswer) {
  memory_.Seen(client_, now_);
  memory_.Seen(Neighbor(kEth0, "198.51.100.10", NUD_FAILED), now_);
  EXPECT_THAT(memory_.On(kEth0, now_), IsEmpty());
}

TEST_F(NeighborMemoryTest, LeavesOutGroupsAndWhatIsBeingResolved) {
  memory_.Seen(Neighbor(kEth0, "224.0.0.251", NUD_PERMANENT), now_);
  memory_.Seen(Neighbor(kEth0, "ff02::fb", NUD_PERMANENT), now_);
  memory_.Seen(Neighbor(kEth0, "198.51.100.12", NUD_INCOMPLETE), now_);
  memory_.Seen(Neighbor(kEth0, "198.51.100.13", NUD_NOARP), now_);
  NeighborFact without_mac = client_;
  without_mac.mac = {};
  memory_.Seen(without_mac, now_);
  EXPECT_THAT(memory_.On(kEth0, now_), IsEmpty());
}

TEST_F(NeighborMemoryTest, KeepsForAMomentWhatTheKernelDropped) {
  memory_.Seen(client_, now_);
  memory_.Dropped(kEth0, client_.ip, now_);
  memory_.Dropped(kEth0, client_.ip, now_ + absl::Seconds(5));  // it was gone already
  EXPECT_THAT(memory_.On(kEth0, now_ + kKept), ElementsAre(client_));
  EXPECT_THAT(memory_.On(kEth0, now_ + kKept + absl::Seconds(1)), IsEmpty());
  memory_.Seen(client_, now_ + absl::Seconds(6));
  EXPECT_THAT(memory_.On(kEth0, now_ + absl::Hours(1)), ElementsAre(client_)) << "back again";
}

TEST_F(NeighborMemoryTest, TakesWhatADumpLacksForDropped) {
  const NeighborFact other = Neighbor(kEth0, "198.51.100.12");
  memory_.Seen(client_, now_);
  memory_.Replace({other}, now_ + absl::Seconds(1));
  EXPECT_THAT(memory_.On(kEth0, now_ + absl::Seconds(2)), ElementsAre(client_, other));
  EXPECT_THAT(memory_.On(kEth0, now_ + kKept + absl::Seconds(2)), ElementsAre(other));
}

TEST_F(NeighborMemoryTest, KnowsForAMomentWhoDidNotAnswer) {
  const absl::Time soon = now_ + NeighborMemory::kDeletedWithin;
  EXPECT_FALSE(memory_.HasFailed(kEth0, client_.ip, soon));
  NeighborFact failed = client_;
  failed.state = NUD_FAILED;
  failed.mac = MacAddress();
  memory_.Seen(failed, now_);
  EXPECT_FALSE(memory_.HasFailed(kEth0, client_.ip, now_)) << "somebody may have deleted it";
  EXPECT_TRUE(memory_.HasFailed(kEth0, client_.ip, soon));
  EXPECT_FALSE(memory_.HasFailed(kEth1, client_.ip, soon));
  memory_.Dropped(kEth0, client_.ip, soon);  // the kernel forgets it; we do not
  EXPECT_TRUE(memory_.HasFailed(kEth0, client_.ip, soon));
  EXPECT_FALSE(memory_.HasFailed(kEth0, client_.ip, now_ + kKept + absl::Seconds(1)));
  memory_.Seen(client_, soon);
  EXPECT_FALSE(memory_.HasFailed(kEth0, client_.ip, soon));
}

TEST_F(NeighborMemoryTest, WhatIsDeletedByHandDidNotFail) {
  NeighborFact failed = client_;
  failed.state = NUD_FAILED;
  failed.mac = MacAddress();
  memory_.Seen(failed, now_);
  memory_.Dropped(kEth0, client_.ip, now_ + absl::Milliseconds(1));
  EXPECT_FALSE(memory_.HasFailed(kEth0, client_.ip, now_ + NeighborMemory::kDeletedWithin));
}

}  // namespace
}  // namespace stronghost
