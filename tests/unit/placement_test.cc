#include "agent/decide/placement.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/decide_world.h"

namespace stronghost {
namespace {

constexpr IfIndex kN0{10};
constexpr IfIndex kN1{11};
constexpr IfIndex kN2{12};
constexpr IfIndex kNone = IfIndex::kNone;

TEST(Placement, NewHomesAreTheirOwnWireWithASiblingAsBackup) {
  DecideWorld world(2);
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN0, kN1}));
  EXPECT_EQ(world.PathOf(1), (Path{kN1, kN0}));
}

TEST(Placement, NewHomeWithoutCarrierIsServedByItsSiblingAtOnce) {
  DecideWorld world(2);
  world.SetCarrier(0, false);
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN1, kNone}));
  EXPECT_EQ(world.PathOf(1), (Path{kN1, kNone}));
}

TEST(Placement, CarrierLossMovesTheWireAtOnceAndNamesNoDeadBackup) {
  DecideWorld world(2);
  world.Decide();
  world.SetCarrier(0, false);
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN1, kNone}));
  EXPECT_EQ(world.PathOf(1), (Path{kN1, kNone}));
}

TEST(Placement, DeadWireDoesNotLinger) {
  DecideWorld world(2);
  world.Decide();
  world.SetCarrier(0, false);
  world.Decide();
  EXPECT_EQ(world.datapath.homes.at(world.HomeOf(0)).linger, kNone);
}

TEST(Placement, ARecalledHomeIsBackAtOnceWhateverFailbackSays) {
  DecideWorld world(2);
  world.config.groups[0].failback = absl::InfiniteDuration();
  world.Decide();
  world.drained = {"n0"};
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN1, kNone}));
  world.drained = {};
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN1, kN0}));  // nobody asked
  world.memory[world.HomeOf(0)].recalled = true;
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN0, kN1}));
  EXPECT_FALSE(world.memory[world.HomeOf(0)].recalled);
  EXPECT_EQ(world.datapath.homes.at(world.HomeOf(0)).linger, kN1);
}

TEST(Placement, ARecallDoesNotOutliveTheNic) {
  DecideWorld world(2);
  world.Decide();
  world.SetCarrier(0, false);
  world.Decide();
  world.memory[world.HomeOf(0)].recalled = true;
  world.Decide();
  world.SetCarrier(0, true);
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN1, kN0}));  // by the hold-down, like any other
}

TEST(Placement, FailbackWaitsForTheHoldDownAndLetsTheStandInLinger) {
  DecideWorld world(2);
  world.Decide();
  world.SetCarrier(0, false);
  world.Decide();
  world.now += absl::Seconds(60);
  world.SetCarrier(0, true);
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN1, kN0}));
  EXPECT_EQ(world.decision.wake, world.now + absl::Seconds(5));
  world.now += absl::Seconds(4);
  world.Decide();
  EXPECT_EQ(world.PathOf(0).wire, kN1);
  world.now += absl::Seconds(1);
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN0, kN1}));
  EXPECT_EQ(world.datapath.homes.at(world.HomeOf(0)).linger, kN1);
  EXPECT_EQ(world.decision.wake, world.now + kLinger);
  world.now += kLinger;
  world.Decide();
  EXPECT_EQ(world.datapath.homes.at(world.HomeOf(0)).linger, kNone);
  EXPECT_EQ(world.decision.wake, absl::InfiniteFuture());
}

TEST(Placement, HoldDownStartsAnewWhenTheLinkBounces) {
  DecideWorld world(2);
  world.Decide();
  world.SetCarrier(0, false);
  world.Decide();
  for (int i = 0; i < 5; ++i) {
    world.now += absl::Seconds(3);
    world.SetCarrier(0, true);
    world.Decide();
    EXPECT_EQ(world.PathOf(0).wire, kN1);
    world.now += absl::Seconds(1);
    world.SetCarrier(0, false);
    world.Decide();
    EXPECT_EQ(world.PathOf(0).wire, kN1);
  }
}

TEST(Placement, FlipInTheKernelHoldsDownEvenIfTheLossWasNeverSeen) {
  DecideWorld world(2);
  world.Decide();
  world.now += absl::Seconds(100);
  world.FlipInKernel(0);
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN1, kN0}));
  world.now += absl::Seconds(5);
  world.Decide();
  EXPECT_EQ(world.PathOf(0).wire, kN0);
}

TEST(Placement, FailbackNeverKeepsTheStandInUntilItDies) {
  DecideWorld world(2);
  world.config.groups[0].failback = absl::InfiniteDuration();
  world.Decide();
  world.SetCarrier(0, false);
  world.Decide();
  world.SetCarrier(0, true);
  world.now += absl::Hours(1000);
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN1, kN0}));
  world.SetCarrier(1, false);
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN0, kNone}));
}

TEST(Placement, WholeGroupFailureMovesNothing) {
  DecideWorld world(2);
  world.Decide();
  world.SetCarrier(0, false);
  world.SetCarrier(1, false);
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN0, kNone}));
  EXPECT_EQ(world.PathOf(1), (Path{kN1, kNone}));
}

TEST(Placement, StandbyMemberIsPreferredAndCarriesNothingBefore) {
  DecideWorld world(3, {"n2"});
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN0, kN2}));
  EXPECT_EQ(world.PathOf(1), (Path{kN1, kN2}));
  world.SetCarrier(1, false);
  world.Decide();
  EXPECT_EQ(world.PathOf(1).wire, kN2);
}

TEST(Placement, HomesOfSeveralDeadNicsSpreadOverTheSurvivors) {
  DecideWorld world(4);
  world.Decide();
  world.SetCarrier(0, false);
  world.SetCarrier(1, false);
  world.Decide();
  EXPECT_NE(world.PathOf(0).wire, world.PathOf(1).wire);
}

TEST(Placement, BackupsAreSharedSoThatWhatTheKernelMovesIs) {
  DecideWorld world(4);
  world.Decide();
  const IfIndex n3{13};
  EXPECT_EQ(world.PathOf(0), (Path{kN0, kN1}));
  EXPECT_EQ(world.PathOf(1), (Path{kN1, kN0}));
  EXPECT_EQ(world.PathOf(2), (Path{kN2, n3}));
  EXPECT_EQ(world.PathOf(3), (Path{n3, kN2}));
  // Two homes on one NIC: should it be lost, two others take one each.
  world.SetCarrier(0, false);
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN1, kN2}));
  EXPECT_EQ(world.PathOf(1), (Path{kN1, n3}));
}

TEST(Placement, DrainMovesTheWireAndTheDrainedNicLingers) {
  DecideWorld world(2);
  world.Decide();
  world.drained = {"n0"};
  world.Decide();
  EXPECT_EQ(world.PathOf(0), (Path{kN1, kNone}));
  EXPECT_EQ(world.datapath.homes.at(world.HomeOf(0)).linger, kN0);
}

TEST(Decide, SettingsThatThisVersionDoesNothingAboutAreTold) {
  DecideWorld world(2);
  EXPECT_TRUE(world.Decide().problems.empty());
  world.config.groups[0].detect.probe = ProbeMode::kAlways;
  EXPECT_EQ(world.Decide().problems.size(), 1U);
}

TEST(Placement, RandomEventsNeverLeaveADeadWireWhileASiblingLives) {
  for (uint32_t seed = 0; seed < 1000; ++seed) {
    std::mt19937 random(seed);
    const int nics = 2 + static_cast<int>(random() % 4);
    DecideWorld world(
        nics, random() % 2 == 0 ? std::vector<std::string>{"n1"} : std::vector<std::string>{});
    world.Decide();
    for (int step = 0; step < 40; ++step) {
      const int nic = static_cast<int>(random() % static_cast<uint32_t>(nics));
      switch (random() % 4) {
        case 0:
          world.SetCarrier(nic, false);
          break;
        case 1:
          world.SetCarrier(nic, true);
          break;
        case 2:
          if (!world.drained.erase(absl::StrCat("n", nic))) {
            world.drained.insert(absl::StrCat("n", nic));
          }
          break;
        default:
          world.now += absl::Seconds(static_cast<int>(random() % 8));
      }
      world.Decide();
      std::set<IfIndex> usable;
      for (const Member& member : world.decision.members) {
        if (member.usable()) {
          usable.insert(member.link->index);
        }
      }
      for (const auto& [index, home] : world.datapath.homes) {
        const bool good = (usable.empty() || usable.contains(home.path.wire)) &&
                          (home.path.backup == kNone || usable.contains(home.path.backup)) &&
                          home.path.wire != home.path.backup && home.path.wire != home.linger;
        ASSERT_TRUE(good) << "seed " << seed << " step " << step << " home " << home.name
                          << ": wire " << ToInt(home.path.wire) << " backup "
                          << ToInt(home.path.backup) << " linger " << ToInt(home.linger);
      }
      // Settled: the same facts again change nothing.
      const DatapathState before = world.datapath;
      world.Decide();
      EXPECT_EQ(world.datapath, before);
    }
  }
}

}  // namespace
}  // namespace stronghost
