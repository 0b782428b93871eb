// Which NIC an address lives on: adoption, relocation, the way back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include "agent/base/ids.h"
#include "tests/unit/residence_fixture.h"

namespace stronghost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(ResidenceTest, ARemovedNicsAddressesLiveOnItsSiblingAtOnce) {
  world.RemoveNic(0);
  Step();
  ExpectAt(1);
  ASSERT_EQ(relocations.size(), 1U);
  EXPECT_EQ(relocations[0].from, "n0");
  EXPECT_EQ(relocations[0].to, "n1");
  EXPECT_EQ(relocations[0].cause, "gone");
  EXPECT_EQ(relocations[0].addresses.size(), 2U);
  EXPECT_THAT(world.decision.problems, IsEmpty());
}

TEST_F(ResidenceTest, ThoseOfANicThatIsSetDownToo) {
  world.SetAdmin(0, false);
  Step();
  ExpectAt(1);
  EXPECT_EQ(relocations.at(0).cause, "down");
}

TEST_F(ResidenceTest, TheyReturnWhenTheirNicHasBeenUsableForTheHoldDown) {
  world.RemoveNic(0);
  Step();
  world.InsertNic(0);
  Step();
  ExpectAt(1);
  EXPECT_EQ(world.decision.wake, world.now + absl::Seconds(5));
  Step(absl::Milliseconds(4999));
  ExpectAt(1);
  Step(absl::Milliseconds(1));
  ExpectAt(0);
  EXPECT_EQ(relocations.at(0).cause, "failback");
  EXPECT_FALSE(Of(kV4).relocated());
}

TEST_F(ResidenceTest, WithFailbackNeverTheyStay) {
  world.config.groups[0].failback = absl::InfiniteDuration();
  world.RemoveNic(0);
  Step();
  world.InsertNic(0);
  Step(absl::Hours(1000));
  ExpectAt(1);
}

TEST_F(ResidenceTest, WithoutCarrierTheyStayUntilRelocateAfter) {
  world.SetCarrier(0, false);
  Step();
  Step(absl::Hours(1000));
  ExpectAt(0);
  world.config.groups[0].relocate_after = absl::Seconds(60);
  world.SetCarrier(0, true);
  Step();
  world.SetCarrier(0, false);
  Step();
  EXPECT_EQ(world.decision.wake, world.now + absl::Seconds(60));
  ExpectAt(0);
  Step(absl::Seconds(60));
  ExpectAt(1);
  EXPECT_EQ(relocations.at(0).cause, "carrier");
}

TEST_F(ResidenceTest, ADrainMovesNone) {
  world.drained.insert("n0");
  Step(absl::Hours(1000));
  ExpectAt(0);
}

TEST_F(ResidenceTest, WithoutASurvivorNothingMovesAndItIsTold) {
  world.SetCarrier(1, false);
  Step();
  world.SetAdmin(0, false);
  Step();
  EXPECT_THAT(relocations, IsEmpty());
  EXPECT_THAT(world.decision.problems,
              ::testing::Contains(HasSubstr("has no usable NIC to move them to")));
  world.SetAdmin(0, true);
  Step();
  ExpectAt(0);  // also the one that the kernel dropped
}

TEST_F(ResidenceTest, WhatAPersonDeletesIsForgottenAndWhatHeMovesIsFollowed) {
  std::erase_if(world.facts.addresses,
                [](const AddressFact& fact) { return fact.ip.address.IsV6(); });
  for (AddressFact& fact : world.facts.addresses) {
    if (fact.ip.address.ToString() == kV4) {
      fact.link = DecideWorld::Link(1);
    }
  }
  Step();
  EXPECT_FALSE(world.inventory.addresses.contains(*IpAddress::Parse(kV6)));
  EXPECT_EQ(Of(kV4).origin, "n1");
  EXPECT_EQ(Of(kV4).home, "n1");
  world.RemoveNic(0);
  Step();
  EXPECT_THAT(world.NicsWith(kV6), IsEmpty());
  EXPECT_THAT(world.NicsWith(kV4), ElementsAre(1));
}

TEST_F(ResidenceTest, WhatANicLosesInAMomentOfBeingDownIsPutBack) {
  const RouteFact route = DefaultRoute();
  world.facts.routes.push_back(route);
  Step();
  world.SetAdmin(0, false);
  world.SetAdmin(0, true);
  world.bounced.insert(DecideWorld::Link(0));
  Step();
  ExpectAt(0);
  EXPECT_THAT(world.decision.kernel.restored_routes, ElementsAre(route));
}

TEST_F(ResidenceTest, UntilAnAddressHasArrivedTheOldNicSpeaksForIt) {
  world.Order(kV4, "n1");
  world.Decide();
  EXPECT_EQ(world.datapath.addresses.at({*IpAddress::Parse(kV4)}).home, world.HomeOf(0));
  world.Apply();
  world.Decide();
  EXPECT_EQ(world.datapath.addresses.at({*IpAddress::Parse(kV4)}).home, world.HomeOf(1));
}

TEST_F(ResidenceTest, ANicThatLivesOnUnderAnotherNameKeepsItsMac) {
  LinkFact renamed = world.facts.links.at(DecideWorld::Link(0));
  renamed.name = "other0";
  world.facts.links[renamed.index] = renamed;
  Step();
  EXPECT_THAT(world.NicsWith(kV4), ElementsAre(1));  // taken off the renamed one
  EXPECT_EQ(world.datapath.homes.size(), 1U);
}

TEST_F(ResidenceTest, AnAddressThatReturnsOnItsDeadNicIsRemovedThere) {
  world.SetAdmin(0, false);
  Step();
  world.AddAddress(0, "198.51.100.1/24");  // somebody's network manager
  Step();
  ExpectAt(1);
  EXPECT_THAT(world.decision.problems, IsEmpty());
}

TEST_F(ResidenceTest, AnOrderMovesForGood) {
  world.Order(kV4, "n1");
  world.Order(kV6, "n1");
  Step();
  ExpectAt(1);
  EXPECT_EQ(Of(kV4).origin, "n1");
  // Frames that are under way to n0 are delivered.
  EXPECT_EQ(world.datapath.homes.at(world.HomeOf(1)).linger, DecideWorld::Link(0));
  Step(absl::Hours(1));
  ExpectAt(1);
  EXPECT_EQ(world.datapath.homes.at(world.HomeOf(1)).linger, IfIndex::kNone);
}

TEST_F(ResidenceTest, AnOrderThatWasWrittenDownIsCarriedOutByTheNextStart) {
  world.config.groups[0].failback = absl::InfiniteDuration();
  world.Order(kV4, "n1");
  world.Order(kV6, "n1");
  world.memory.clear();
  world.reach.clear();
  Step();
  ExpectAt(1);
  EXPECT_EQ(relocations.at(0).cause, "moved");
  EXPECT_FALSE(Of(kV4).ordered);
}

TEST_F(ResidenceTest, AnAgentThatDiedBetweenTheStepsFindsWhereTheyAre) {
  const Inventory before = world.inventory;
  world.RemoveNic(0);
  world.AddAddress(1, "198.51.100.1/24");  // added, and not written down
  world.inventory = before;
  Step();
  ExpectAt(1);
  EXPECT_EQ(Of(kV4).origin, "n0");
}

// Back on its NIC, as the maps say, but on the survivor as well, as the state file says.
TEST_F(ResidenceTest, AnAgentThatDiedBeforeItWroteDownAReturnDoesNotTakeItBack) {
  world.RemoveNic(0);
  Step();
  const Inventory before = world.inventory;
  world.InsertNic(0);
  Step(absl::Seconds(1));
  Step(absl::Seconds(5));
  ExpectAt(0);
  world.AddAddress(1, "198.51.100.1/24");  // not removed yet
  world.AddAddress(1, "2001:db8::1/64");
  world.inventory = FollowOwners(before, world.facts, world.datapath);
  world.reach.clear();
  Step();
  ExpectAt(0);
  EXPECT_THAT(relocations, IsEmpty());
}

// The maps may be older than what happened to the NIC.
TEST_F(ResidenceTest, AnOwnerInTheMapsCountsOnlyWhereTheKernelHasTheAddress) {
  const DatapathState left = world.datapath;
  world.RemoveNic(0);
  Step();
  EXPECT_EQ(FollowOwners(world.inventory, world.facts, left), world.inventory);
}

TEST_F(ResidenceTest, TheMacOfARemovedNicStaysAnAliasUntilItReturns) {
  const HomeIndex index = world.HomeOf(0);
  world.RemoveNic(0);
  Step();
  const HomeState& left = world.datapath.homes.at(index);
  EXPECT_EQ(left.mac.ToString(), "02:00:00:00:00:01");
  EXPECT_EQ(left.path.wire, DecideWorld::Link(1));
  EXPECT_THAT(world.decision.kernel.filters,
              ::testing::Contains(FilterEntry{DecideWorld::Link(1), left.mac}));
  world.InsertNic(0);
  Step();
  EXPECT_EQ(world.datapath.homes.size(), 2U);
  EXPECT_EQ(world.datapath.homes.at(world.decision.members[0].home).link, world.LinkNow(0));
}

TEST_F(ResidenceTest, StayNeedsNoAlias) {
  world.config.groups[0].mac = MacMode::kStay;
  world.RemoveNic(0);
  Step();
  EXPECT_EQ(world.datapath.homes.size(), 1U);
}

TEST_F(ResidenceTest, AConfiguredAddressOfAMissingNicLivesOnItsSibling) {
  world.config.groups[0].addresses.push_back(
      {.ip = *IpPrefix::Parse("198.51.100.50/24"), .home = "n0"});
  world.RemoveNic(0);
  Step();
  EXPECT_THAT(world.NicsWith("198.51.100.50"), ElementsAre(1));
  world.InsertNic(0);
  Step();
  Step(absl::Seconds(5));
  EXPECT_THAT(world.NicsWith("198.51.100.50"), ElementsAre(0));
  // Another home in the file, and out of it.
  world.config.groups[0].addresses[0].home = "n1";
  Step();
  EXPECT_THAT(world.NicsWith("198.51.100.50"), ElementsAre(1));
}

class Flapping : public ResidenceTest {
 protected:
  void Bounce(int nic, int times) {
    for (int i = 0; i < times; ++i) {
      world.SetCarrier(nic, false);
      Step(absl::Seconds(1));
      world.SetCarrier(nic, true);
      Step(absl::Seconds(1));
    }
  }
  NicState StateOf(size_t nic) { return world.decision.members.at(nic).state; }
};

TEST_F(Flapping, ANicThatBouncesTooOftenIsLeftOutUntilItIsCalm) {
  world.config.groups[0].flap_limit = 3;
  Bounce(0, 3);
  EXPECT_EQ(StateOf(0), NicState::kUp);
  Bounce(0, 1);
  EXPECT_EQ(StateOf(0), NicState::kSuspect);
  EXPECT_EQ(world.PathOf(0).wire, DecideWorld::Link(1));
  EXPECT_EQ(world.PathOf(1).backup, IfIndex::kNone);
  EXPECT_THAT(world.decision.problems,
              ElementsAre(HasSubstr("n0 lost its link more than 3 times")));
  Step(absl::Seconds(59));
  EXPECT_EQ(StateOf(0), NicState::kSuspect);
  EXPECT_EQ(world.decision.wake, world.now + absl::Seconds(1));
  Step(absl::Seconds(1));
  EXPECT_EQ(StateOf(0), NicState::kUp);
  Step(absl::Seconds(5));  // the hold-down
  EXPECT_EQ(world.PathOf(0).wire, DecideWorld::Link(0));
  EXPECT_THAT(world.decision.problems, IsEmpty());
}

TEST_F(Flapping, IsBetterThanNothing) {
  world.config.groups[0].flap_limit = 3;
  Bounce(0, 4);
  world.SetCarrier(1, false);
  Step();
  EXPECT_EQ(StateOf(0), NicState::kUp);
  EXPECT_EQ(world.PathOf(0).wire, DecideWorld::Link(0));
  EXPECT_EQ(world.PathOf(1).wire, DecideWorld::Link(0));
}

TEST_F(Flapping, HasNoLimitWithZero) {
  world.config.groups[0].flap_limit = 0;
  Bounce(0, 30);
  EXPECT_EQ(StateOf(0), NicState::kUp);
}

TEST_F(Flapping, ALossNowAndThenIsNone) {
  world.config.groups[0].flap_limit = 3;
  for (int i = 0; i < 20; ++i) {
    Bounce(0, 1);
    Step(absl::Seconds(20));
  }
  EXPECT_EQ(StateOf(0), NicState::kUp);
}

TEST_F(ResidenceTest, AGroupWithoutAUsableNicMovesNothingAndSaysSo) {
  world.SetCarrier(0, false);
  Step();
  const Path before = world.PathOf(0);
  world.SetCarrier(1, false);
  Step();
  EXPECT_EQ(world.PathOf(0).wire, before.wire);
  EXPECT_THAT(world.decision.problems, ElementsAre(HasSubstr("group front has no usable NIC")));
}

// RFC 4862 5.4.5. It is the other host's: to announce it would take it from there.
TEST_F(ResidenceTest, AnAddressThatFailedDuplicateDetectionIsNobodys) {
  const IpAddress other = *IpAddress::Parse("2001:db8::60");
  const IpAddress link_local = *IpAddress::Parse("fe80::60");
  for (const IpAddress& ip : {other, link_local}) {
    world.facts.addresses.push_back(
        {.link = DecideWorld::Link(0), .ip = {ip, 64}, .flags = IFA_F_TENTATIVE | IFA_F_DADFAILED});
  }
  Step();
  EXPECT_FALSE(world.inventory.addresses.contains(other));
  EXPECT_FALSE(world.decision.datapath.addresses.contains({other}));
  EXPECT_FALSE(world.decision.datapath.addresses.contains({link_local, DecideWorld::Link(0)}));
  // While it is looked for it is ours.
  for (AddressFact& fact : world.facts.addresses) {
    fact.flags &= ~uint32_t{IFA_F_DADFAILED};
  }
  Step();
  EXPECT_TRUE(world.inventory.addresses.contains(other));
  world.facts.addresses.rbegin()[1].flags = IFA_F_TENTATIVE | IFA_F_DADFAILED;
  Step();
  EXPECT_FALSE(world.inventory.addresses.contains(other));
  // The configuration gives it a home, but the kernel does not serve it there.
  world.config.groups[0].addresses.push_back({.ip = {other, 64}, .home = "n0"});
  Step();
  EXPECT_TRUE(world.inventory.addresses.contains(other));
  EXPECT_FALSE(world.decision.datapath.addresses.contains({other}));
}

// But for the label, which begins with the name of the NIC.
TEST_F(ResidenceTest, WhatAnAddressIsBesidesItsNumberGoesAlong) {
  const AddressFact own{.link = DecideWorld::Link(0),
                        .ip = *IpPrefix::Parse("198.51.100.60/24"),
                        .metric = 77,
                        .broadcast = *IpAddress::Parse("198.51.100.250"),
                        .peer = *IpAddress::Parse("198.51.100.61"),
                        .label = "n0:1"};
  world.facts.addresses.push_back(own);
  Step();
  const Residence& residence = world.inventory.addresses.at(own.ip.address);
  const LinkFact elsewhere{.index = IfIndex{7}, .name = "n1"};
  AddressFact moved = own;
  moved.link = elsewhere.index;
  moved.label = "";
  EXPECT_EQ(MovedFact(own.ip.address, residence, elsewhere), moved);
  EXPECT_EQ(MovedFact(own.ip.address, residence, {.index = own.link, .name = "n0"}), own);

  world.RemoveNic(0);
  Step();
  world.InsertNic(0);
  Step(absl::Seconds(1));
  Step(absl::Seconds(5));
  ASSERT_THAT(world.NicsWith("198.51.100.60"), ElementsAre(0));
  EXPECT_EQ(world.inventory.addresses.at(own.ip.address).label, "n0:1");
}

TEST_F(ResidenceTest, WhatExpiresIsForgotten) {
  world.facts.addresses.push_back({.link = DecideWorld::Link(0),
                                   .ip = *IpPrefix::Parse("198.51.100.60/24"),
                                   .valid_until = world.now + absl::Seconds(100),
                                   .preferred_until = world.now + absl::Seconds(50)});
  Step();
  world.RemoveNic(0);
  Step();
  EXPECT_THAT(world.NicsWith("198.51.100.60"), ElementsAre(1));
  EXPECT_EQ(world.decision.inventory.addresses.at(*IpAddress::Parse("198.51.100.60")).valid_until,
            world.now + absl::Seconds(100));
  world.RemoveNic(1);
  Step(absl::Seconds(100));
  EXPECT_FALSE(world.inventory.addresses.contains(*IpAddress::Parse("198.51.100.60")));
}

TEST_F(ThreeNics, TheStandInKeepsThem) {
  world.AddAddress(2, "198.51.100.3/24");
  world.SetCarrier(0, false);
  Step();
  const IfIndex wire = world.PathOf(0).wire;
  world.RemoveNic(0);
  Step();
  EXPECT_EQ(world.LinkNow(world.NicsWith(kV4).at(0)), wire);
}

TEST_F(ThreeNics, TheyAreSpreadAndMoveOnWhenTheirHostGoesToo) {
  world.RemoveNic(0);
  Step();
  ExpectAt(1);
  world.RemoveNic(1);
  Step();
  ExpectAt(2);
  EXPECT_THAT(world.NicsWith("198.51.100.2"), ElementsAre(2));
  world.InsertNic(1);
  Step(absl::Seconds(1));
  Step(absl::Seconds(5));
  ExpectAt(2);  // n1 is not theirs
  EXPECT_THAT(world.NicsWith("198.51.100.2"), ElementsAre(1));
}

}  // namespace
}  // namespace stronghost
