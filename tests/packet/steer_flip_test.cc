// steer: the flip in the kernel, by the first frame after the loss of the carrier.
#include "tests/lib/await.h"
#include "tests/packet/program_fixture.h"
#include "tests/packet/test_frames.h"

namespace stronghost::packet {
namespace {

class FlipTest : public ProgramFixture, public testing::WithParamInterface<Family> {
 protected:
  [[nodiscard]] Bytes FrameFrom(const Nic& owner, const Nic& nic) const {
    return Datagram(nic.mac, owner.Address(GetParam()), kClientMac, Client(GetParam()));
  }
  Outcome Remeet(const Nic& nic, const Bytes& frame, uint32_t home, uint32_t hops) {
    return Run(Program::kSteer, nic, frame, Mark{kMarkOut, home, hops});
  }
  void ExpectPath(const Nic& home, const Nic& wire, uint32_t backup) const {
    EXPECT_EQ(Path(home).wire, wire.ifindex);
    EXPECT_EQ(Path(home).backup, backup);
  }
};
INSTANTIATE_TEST_SUITE_P(, FlipTest, testing::Values(Family::kV4, Family::kV6), FamilyName);

TEST_P(FlipTest, FirstFrameWithoutCarrierMovesTheWireToTheBackup) {
  const Bytes frame = FrameFrom(h0_, h0_);
  EXPECT_EQ(Steer(h0_, frame), Passed(frame, h0_.home, SH_OUT_PASS));
  ExpectPath(h0_, h0_, h1_.ifindex);
  SetCarrier(h0_, false);
  const int64_t before = lab::MonotonicNow();
  const Outcome stood_in =
      Redirected(frame, h0_.home, SH_OUT_STAND_IN, Mark{kMarkOut, h0_.home, 1});
  EXPECT_EQ(Steer(h0_, frame), stood_in);
  const int64_t after = lab::MonotonicNow();
  ExpectPath(h0_, h1_, 0);

  const std::vector<sh_event> events = TakeEvents();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].type, SH_EVENT_FLIP);
  EXPECT_EQ(events[0].home, h0_.home);
  EXPECT_EQ(events[0].ifindex, h0_.ifindex);
  EXPECT_EQ(events[0].to, h1_.ifindex);
  EXPECT_GE(events[0].time_ns, static_cast<uint64_t>(before));
  EXPECT_LE(events[0].time_ns, static_cast<uint64_t>(after));
  EXPECT_EQ(events[0].ip.words[3], 0U);
  EXPECT_EQ(events[0].mac.bytes[0], 0U);

  // The next frame finds it done; the carrier's return changes nothing.
  EXPECT_EQ(Steer(h0_, frame), stood_in);
  SetCarrier(h0_, true);
  EXPECT_EQ(Steer(h0_, frame), stood_in);
  ExpectPath(h0_, h1_, 0);
  EXPECT_TRUE(TakeEvents().empty());
}

TEST_P(FlipTest, StayingHomeBearsTheBackupsMacAtOnce) {
  AddFlags(h0_, SH_HOME_STAY);
  SetCarrier(h0_, false);
  const Bytes frame = FrameFrom(h0_, h0_);
  EXPECT_EQ(Steer(h0_, frame), Redirected(WithSource(frame, h1_.mac), h0_.home, SH_OUT_STAND_IN,
                                          Mark{kMarkOut, h0_.home, 1}));
}

TEST_P(FlipTest, WithoutBackupTheFrameGoesWhereItWent) {
  SetPath(h0_, h0_);
  SetCarrier(h0_, false);
  const Bytes frame = FrameFrom(h0_, h0_);
  EXPECT_EQ(Steer(h0_, frame), Passed(frame, h0_.home, SH_OUT_NO_WIRE));
  ExpectPath(h0_, h0_, 0);
  EXPECT_TRUE(TakeEvents().empty());
}

TEST_P(FlipTest, ANicIsNoBackupOfItself) {
  SetPath(h0_, h0_, h0_);
  SetCarrier(h0_, false);
  const Bytes frame = FrameFrom(h0_, h0_);
  EXPECT_EQ(Steer(h0_, frame), Passed(frame, h0_.home, SH_OUT_NO_WIRE));
  ExpectPath(h0_, h0_, h0_.ifindex);
  EXPECT_TRUE(TakeEvents().empty());
}

TEST_P(FlipTest, KernelsThatCannotReadTheCarrierNeverFlip) {
  Reload(/*can_read_carrier=*/false);
  SetCarrier(h0_, false);
  const Bytes frame = FrameFrom(h0_, h0_);
  EXPECT_EQ(Steer(h0_, frame), Passed(frame, h0_.home, SH_OUT_PASS));
  ExpectPath(h0_, h0_, h1_.ifindex);
  EXPECT_TRUE(TakeEvents().empty());
}

TEST_P(FlipTest, UnownedSourceFlipsTheHomeOfItsNic) {
  SetCarrier(h0_, false);
  const Bytes frame =
      Datagram(h0_.mac, GetParam() == Family::kV4 ? Ip("0.0.0.0") : Ip("2001:db8:9::9"), kClientMac,
               Client(GetParam()));
  EXPECT_EQ(Steer(h0_, frame),
            Redirected(frame, h0_.home, SH_OUT_STAND_IN, Mark{kMarkOut, h0_.home, 1}));
  ExpectPath(h0_, h1_, 0);
}

TEST_P(FlipTest, FlipsTheSourcesHomeAndNoOther) {
  // h0 carries h1 as well; a frame of h1, routed through h0, finds the loss.
  SetPath(h1_, h0_, h2_);
  SetCarrier(h0_, false);
  const Bytes frame = FrameFrom(h1_, h0_);
  EXPECT_EQ(Steer(h0_, frame), Redirected(WithSource(frame, h1_.mac), h0_.home, SH_OUT_STEER,
                                          Mark{kMarkOut, h1_.home, 1}));
  ExpectPath(h1_, h2_, 0);
  ExpectPath(h0_, h0_, h1_.ifindex);
  ASSERT_EQ(TakeEvents().size(), 1U);
}

TEST_P(FlipTest, AnotherNicsLossIsNotThisFramesBusiness) {
  SetCarrier(h1_, false);
  const Bytes frame = FrameFrom(h0_, h0_);
  EXPECT_EQ(Steer(h0_, frame), Passed(frame, h0_.home, SH_OUT_PASS));
  // Steered to a dead wire: the second meeting, on that wire, will see it.
  const Bytes foreign = FrameFrom(h1_, h0_);
  EXPECT_EQ(Steer(h0_, foreign), Redirected(WithSource(foreign, h1_.mac), h0_.home, SH_OUT_STEER,
                                            Mark{kMarkOut, h1_.home, 1}));
  EXPECT_TRUE(TakeEvents().empty());
}

TEST_P(FlipTest, FlipsAtTheSecondMeeting) {
  SetPath(h0_, h1_, h2_);
  AddFlags(h0_, SH_HOME_STAY);
  SetCarrier(h1_, false);
  const Bytes frame = WithSource(FrameFrom(h0_, h0_), h1_.mac);
  EXPECT_EQ(Remeet(h1_, frame, h0_.home, 1),
            Redirected(WithSource(frame, h2_.mac), h1_.home, SH_OUT_CARRIED,
                       Mark{kMarkOut, h0_.home, 2}));
  ExpectPath(h0_, h2_, 0);
  const std::vector<sh_event> events = TakeEvents();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].home, h0_.home);
  EXPECT_EQ(events[0].ifindex, h1_.ifindex);
  EXPECT_EQ(events[0].to, h2_.ifindex);
}

TEST_P(FlipTest, DeadStandInWithoutBackupCountsNoWire) {
  SetPath(h0_, h1_);
  SetCarrier(h1_, false);
  const Bytes frame = FrameFrom(h0_, h0_);
  EXPECT_EQ(Remeet(h1_, frame, h0_.home, 1), Passed(frame, h1_.home, SH_OUT_NO_WIRE));
}

}  // namespace
}  // namespace stronghost::packet
