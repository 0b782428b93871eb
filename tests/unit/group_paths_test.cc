// Whom a group asks, and which path it finds dead.
#include "agent/decide/group_paths.h"

#include <gtest/gtest.h>

#include "tests/unit/path_world.h"

namespace stronghost {
namespace {

TEST(GroupPathsTest, AnIdleHostAsksNobody) {
  PathWorld world(2, 2);
  world.Run(absl::Minutes(10));
  EXPECT_EQ(world.Probes(), 0);
  world.alive.clear();
  world.connected.clear();
  world.Run(absl::Minutes(10));
  EXPECT_EQ(world.Probes() + world.calls + world.witnesses, 0);
}

TEST(GroupPathsTest, TrafficInBothDirectionsIsEvidenceEnough) {
  PathWorld world(2, 2);
  world.traffic = {{.nic = 0}};
  world.Run(absl::Minutes(10));
  EXPECT_EQ(world.Probes(), 0);
}

// The last packet of a connection, a log message: nobody answers those.
TEST(GroupPathsTest, ASingleWordWithoutAnswerIsNotSuspicious) {
  PathWorld world;
  for (int i = 0; i < 20; ++i) {
    world.traffic = {{.nic = 0}};
    world.Run(absl::Seconds(1));
    world.traffic = {{.nic = 0, .answered = false}};
    world.Step();
    world.traffic.clear();
    world.Run(absl::Seconds(20));
  }
  EXPECT_EQ(world.Probes(), 0);
}

TEST(GroupPathsTest, AOneWayStreamIsAskedAboutRarely) {
  PathWorld world;
  world.traffic = {{.nic = 0, .answered = false}};
  world.Run(absl::Minutes(10));
  EXPECT_GE(world.Probes(0), 10);
  EXPECT_LE(world.Probes(0), 21);  // one in 30 s
  EXPECT_EQ(world.Probes(1), 0);
  EXPECT_EQ(world.State(0), GatewayState::kFine);
}

TEST(GroupPathsTest, ADeadGatewayIsFoundInFiveSeconds) {
  PathWorld world(2, 2);
  world.traffic = {{.nic = 0}};
  world.Run(absl::Seconds(10));
  world.alive.erase(0);
  const absl::Time died = world.now;
  ASSERT_TRUE(world.Run(absl::Minutes(1), [&] { return world.State(0) == GatewayState::kDead; }));
  EXPECT_LE(world.now - died, absl::Seconds(5));
  EXPECT_EQ(world.Probes(0), 3);
  world.Run(absl::Seconds(5));
  EXPECT_EQ(world.State(0, 1), GatewayState::kFine) << "the other gateway answers";
  EXPECT_EQ(world.Path(0).state, PathState::kAlive) << "and so the path is good";
  EXPECT_EQ(world.Path(0).cause, PathCause::kGateway);
}

TEST(GroupPathsTest, ADeadGatewayIsAskedSlowlyAndOnlyWithTraffic) {
  PathWorld world(1, 2);
  world.traffic = {{.nic = 0}};
  world.Run(absl::Seconds(10));
  world.alive.erase(0);
  world.Run(absl::Seconds(10));
  ASSERT_EQ(world.State(0), GatewayState::kDead);
  world.traffic = {{.nic = 0, .to = 1}};
  const int before = world.Probes(0);
  world.Run(absl::Minutes(5));
  EXPECT_LE(world.Probes(0) - before, 31);
  EXPECT_GE(world.Probes(0) - before, 25);
  world.traffic.clear();
  world.Run(absl::Seconds(10));
  const int idle = world.Probes(0);
  world.Run(absl::Minutes(5));
  EXPECT_EQ(world.Probes(0), idle);
}

// Bad news acts at once, good news waits.
TEST(GroupPathsTest, AGatewayThatIsBackIsFineAfterTheHoldDown) {
  PathWorld world(1, 2);
  world.failback = absl::Seconds(7);
  world.traffic = {{.nic = 0}};
  world.Run(absl::Seconds(2));
  world.alive.erase(0);
  world.Run(absl::Seconds(10));
  world.traffic = {{.nic = 0, .to = 1}};
  world.alive.insert(0);
  ASSERT_TRUE(world.Run(absl::Seconds(12), [&] { return world.State(0) == GatewayState::kBack; }));
  const absl::Time back = world.now;
  ASSERT_TRUE(world.Run(absl::Seconds(12), [&] { return world.State(0) == GatewayState::kFine; }));
  EXPECT_EQ(world.now - back, absl::Seconds(7));
}

TEST(GroupPathsTest, AGatewayThatComesAndGoesStaysDead) {
  PathWorld world(1, 2);
  world.failback = absl::Seconds(20);
  world.traffic = {{.nic = 0}};
  world.Run(absl::Seconds(2));
  world.alive.erase(0);
  world.Run(absl::Seconds(10));
  world.traffic = {{.nic = 0, .to = 1}};
  for (int i = 0; i < 10; ++i) {
    world.alive.insert(0);
    EXPECT_FALSE(
        world.Run(absl::Seconds(12), [&] { return world.State(0) == GatewayState::kFine; }));
    world.alive.erase(0);
    EXPECT_FALSE(
        world.Run(absl::Seconds(8), [&] { return world.State(0) == GatewayState::kFine; }));
  }
}

TEST(GroupPathsTest, ADeadUplinkMakesTheNicSuspectInFiveSeconds) {
  for (const int gateways : {1, 2, 4}) {
    PathWorld world(2, gateways);
    world.traffic = {{.nic = 0}};
    world.Run(absl::Seconds(10));
    world.connected.erase(0);
    const absl::Time cut = world.now;
    ASSERT_TRUE(
        world.Run(absl::Minutes(1), [&] { return world.Path(0).state == PathState::kDead; }));
    EXPECT_LE(world.now - cut, absl::Seconds(5));
    EXPECT_EQ(world.Path(0).cause, PathCause::kUplink);
    EXPECT_EQ(world.Path(1).cause, PathCause::kNone);
    EXPECT_LE(world.Probes(1), 2 * gateways) << "the sibling is asked once or twice";
  }
}

// What the sibling heard before says nothing of now: it is asked, and does not answer either.
TEST(GroupPathsTest, WhenAllFallSilentAtOnceNoPathIsDeadHoweverFreshTheSiblingsLastWordIs) {
  for (absl::Duration age; age < absl::Seconds(12); age += PathWorld::kLook) {
    PathWorld world;
    world.others = false;
    world.traffic = {{.nic = 0}, {.nic = 1}};
    world.Run(absl::Seconds(10));
    world.traffic = {{.nic = 0}};
    world.Run(age);
    world.connected.clear();
    EXPECT_FALSE(world.Run(absl::Minutes(1), [&] {
      return world.Path(0).state == PathState::kDead || world.Path(0).cause == PathCause::kUplink;
    })) << age;
    EXPECT_EQ(world.Path(0).cause, PathCause::kSegment) << age;
    EXPECT_EQ(world.Path(1).cause, PathCause::kSegment) << age;
  }
}

// It is asked no more when the traffic ends, and did not answer.
TEST(GroupPathsTest, WhenAllFallSilentNoPathIsDeadAlthoughTheTrafficEndsMeanwhile) {
  for (absl::Duration longer; longer < absl::Seconds(8); longer += PathWorld::kLook) {
    PathWorld world;
    world.traffic = {{.nic = 0}, {.nic = 1}};
    world.Run(absl::Seconds(10));
    world.connected.clear();
    world.traffic = {{.nic = 0}};
    world.Run(longer);
    world.traffic.clear();
    EXPECT_FALSE(world.Run(absl::Minutes(1), [&] {
      return world.Path(0).state == PathState::kDead;
    })) << longer;
  }
}

// With a long hold-down it is not fine for long.
TEST(GroupPathsTest, AGatewayThatIsBackAndDoesNotAnswerProvesNothing) {
  const absl::Time start = absl::FromUnixSeconds(1000);
  GatewayHealth health{.state = GatewayState::kBack, .since = start, .evidence = start};
  HealthInput input{.group_busy = true, .failback = absl::Minutes(1), .now = start};
  bool asked = false;
  while (!asked && input.now < start + absl::Seconds(4)) {
    EXPECT_TRUE(health.proven(input.now));
    input.now += PathWorld::kLook;
    asked = Look(health, input);
  }
  ASSERT_TRUE(asked);
  input.now += absl::Seconds(1);
  (void)Look(health, input);
  EXPECT_EQ(health.state, GatewayState::kBack);
  EXPECT_FALSE(health.proven(input.now));
  input.evidence.confirmed = true;
  (void)Look(health, input);
  EXPECT_TRUE(health.proven(input.now));
}

// Retransmissions further and further apart are all the traffic that is left.
TEST(GroupPathsTest, RetransmissionsAloneFindADeadUplink) {
  PathWorld world;
  world.traffic = {{.nic = 0}};
  world.Run(absl::Seconds(10));
  world.connected.erase(0);
  const absl::Time cut = world.now;
  for (int looks = 2; looks <= 64; looks *= 2) {
    world.traffic = {{.nic = 0}};
    world.Step();
    world.traffic.clear();
    world.Run((looks - 1) * PathWorld::kLook);
    if (world.Path(0).state == PathState::kDead) {
      break;
    }
  }
  EXPECT_EQ(world.Path(0).state, PathState::kDead);
  EXPECT_LE(world.now - cut, absl::Seconds(7));
}

// Nobody would be better.
TEST(GroupPathsTest, NothingIsSuspectWhenTheGatewayIsDeadForAll) {
  PathWorld world;
  world.traffic = {{.nic = 0}};
  world.Run(absl::Seconds(10));
  world.alive.clear();
  world.Run(absl::Minutes(2));
  EXPECT_EQ(world.Path(0).state, PathState::kAlive);
  EXPECT_EQ(world.Path(1).state, PathState::kAlive);
  EXPECT_EQ(world.Path(0).cause, PathCause::kGateway) << "other hosts answer";
  world.traffic.clear();
  world.Run(absl::Minutes(2));
  EXPECT_EQ(world.Path(0).cause, PathCause::kGateway) << "an idle host learns nothing else";
}

TEST(GroupPathsTest, ADeadSegmentMovesNothingAndIsCalledSo) {
  PathWorld world;
  world.traffic = {{.nic = 0}};
  world.Run(absl::Seconds(10));
  world.connected.clear();
  world.Run(absl::Minutes(2));
  EXPECT_EQ(world.Path(0).state, PathState::kAlive);
  EXPECT_EQ(world.Path(1).state, PathState::kAlive);
  EXPECT_EQ(world.Path(0).cause, PathCause::kSegment);
  EXPECT_GT(world.witnesses, 2);
}

// The suspect one sends nothing itself: another MAC may be at work under its name.
TEST(GroupPathsTest, ASuspectNicComesBackWhenItHearsItsSibling) {
  PathWorld world;
  world.traffic = {{.nic = 0}};
  world.Run(absl::Seconds(10));
  world.connected.erase(0);
  world.Run(absl::Seconds(6));
  ASSERT_EQ(world.Path(0).state, PathState::kDead);
  world.Nic(0).own_wire = false;
  world.traffic = {{.nic = 1}};
  const int before = world.Probes(0);
  world.Run(absl::Minutes(1));
  EXPECT_EQ(world.Path(0).state, PathState::kDead);
  EXPECT_LE(world.calls, 15);
  world.connected.insert(0);
  ASSERT_TRUE(world.Run(absl::Seconds(8), [&] { return world.Path(0).state == PathState::kBack; }));
  EXPECT_EQ(world.Probes(0), before);
  world.Run(absl::Seconds(5));
  EXPECT_EQ(world.Path(0).state, PathState::kBack);
  world.Nic(0).own_wire = true;
  world.traffic = {{.nic = 0}};
  world.Run(absl::Minutes(1));
  EXPECT_EQ(world.Path(0).state, PathState::kAlive);
  EXPECT_EQ(world.Path(0).cause, PathCause::kNone);
}

TEST(GroupPathsTest, NobodyIsCalledWithoutTraffic) {
  PathWorld world;
  world.traffic = {{.nic = 0}};
  world.Run(absl::Seconds(10));
  world.connected.erase(0);
  world.Run(absl::Seconds(6));
  world.Nic(0).own_wire = false;
  world.traffic.clear();
  world.Run(absl::Seconds(5));
  const int calls = world.calls;
  const int probes = world.Probes();
  world.Run(absl::Minutes(10));
  EXPECT_EQ(world.calls, calls);
  EXPECT_EQ(world.Probes(), probes);
  EXPECT_EQ(world.Path(0).state, PathState::kDead);
}

// It hears, but is not heard: each return ends in the same way.
TEST(GroupPathsTest, ARelapseMakesTheNextReturnWaitLonger) {
  PathWorld world;
  std::vector<absl::Duration> waits;
  for (int i = 0; i < 4; ++i) {
    world.Nic(0).own_wire = true;
    world.traffic = {{.nic = 0}};
    world.connected = {1};
    ASSERT_TRUE(world.Run(absl::Minutes(1), [&] {
      return world.Path(0).state == PathState::kDead;
    })) << i;
    const absl::Time dead = world.now;
    world.connected = {0, 1};
    world.Nic(0).own_wire = false;
    world.traffic = {{.nic = 1}};
    ASSERT_TRUE(world.Run(absl::Minutes(5), [&] {
      return world.Path(0).state == PathState::kBack;
    })) << i;
    waits.push_back(world.now - dead);
  }
  EXPECT_LT(waits[0], absl::Seconds(8));
  EXPECT_GE(waits[1], absl::Seconds(10));
  EXPECT_GE(waits[2], absl::Seconds(20));
  EXPECT_GE(waits[3], absl::Seconds(40));
}

TEST(GroupPathsTest, ANicThatAppearsInTheTroubleIsAsked) {
  PathWorld world;
  world.Nic(1).carrier = false;
  world.traffic = {{.nic = 0}};
  world.Run(absl::Seconds(10));
  world.connected.erase(0);
  world.Run(absl::Minutes(1));
  EXPECT_EQ(world.Path(0).state, PathState::kAlive) << "there is nothing better";
  EXPECT_EQ(world.Path(1).cause, PathCause::kCable);
  const absl::Time since = world.Path(1).cause_since;
  world.Run(absl::Seconds(2));
  EXPECT_EQ(world.Path(1).cause_since, since);
  world.Nic(1).carrier = true;
  ASSERT_TRUE(world.Run(absl::Seconds(5), [&] { return world.Path(0).state == PathState::kDead; }));
}

TEST(GroupPathsTest, AlwaysAsksAnIdleGateway) {
  PathWorld world;
  world.mode = ProbeMode::kAlways;
  world.Run(absl::Minutes(1));
  EXPECT_GE(world.Probes(0), 10);
  EXPECT_GE(world.Probes(1), 10);
  world.connected.erase(0);
  ASSERT_TRUE(
      world.Run(absl::Seconds(12), [&] { return world.Path(0).state == PathState::kDead; }));
}

}  // namespace
}  // namespace stronghost
