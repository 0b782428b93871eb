// Which NIC the routes of table main lead through, where addresses live elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/residence_fixture.h"

namespace stronghost {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(ResidenceTest, RoutesOfANicThatKeepsAnAddressAreLeftAlone) {
  const RouteFact route = DefaultRoute();
  world.facts.routes.push_back(route);
  world.AddAddress(0, "198.51.100.3/24");
  Step();
  world.Order(kV4, "n1");
  Step();
  EXPECT_THAT(world.decision.kernel.restored_routes, IsEmpty());
  world.Order("198.51.100.3", "n1");
  Step();
  RouteFact moved = route;
  moved.link = DecideWorld::Link(1);
  EXPECT_THAT(world.decision.kernel.restored_routes, ElementsAre(moved));
}

TEST_F(ResidenceTest, RoutesFollowAndAreGivenBack) {
  const RouteFact route = DefaultRoute();
  world.facts.routes.push_back(route);
  Step();
  world.RemoveNic(0);
  Step();
  RouteFact meanwhile = route;
  meanwhile.link = DecideWorld::Link(1);
  EXPECT_THAT(world.decision.kernel.routes, ::testing::Contains(meanwhile));
  world.InsertNic(0);
  Step();
  Step(absl::Seconds(5));
  RouteFact back = route;
  back.link = world.LinkNow(0);
  EXPECT_THAT(world.decision.kernel.restored_routes, ElementsAre(back));
  EXPECT_THAT(world.decision.kernel.routes, ::testing::Not(::testing::Contains(meanwhile)));
  world.facts.routes.push_back(back);
  Step();
  EXPECT_THAT(world.decision.kernel.restored_routes, IsEmpty());
}

TEST_F(ResidenceTest, RoutesThatWentWithTheLastAddressComeBackWithIt) {
  const RouteFact route = DefaultRoute();
  RouteFact own = route;  // its heir has a way out itself
  own.link = DecideWorld::Link(1);
  own.metric = 200;
  RouteFact lent = route;
  lent.link = DecideWorld::Link(1);
  world.facts.routes = {route, own};
  Step();
  world.Order(kV4, "n1");
  Step();
  EXPECT_THAT(world.decision.kernel.returned_routes, IsEmpty());
  world.facts.routes = {lent, own};
  Step();
  world.Order(kV4, "n0");
  Step();
  EXPECT_THAT(world.decision.kernel.restored_routes, ElementsAre(route));
  EXPECT_THAT(world.decision.kernel.returned_routes, ElementsAre(lent));
  world.facts.routes = {route, own};
  Step();
  EXPECT_THAT(world.decision.kernel.restored_routes, IsEmpty());
  EXPECT_THAT(world.decision.kernel.returned_routes, IsEmpty());
  EXPECT_THAT(world.inventory.nics.at("n0").routes, ElementsAre(route));
  EXPECT_THAT(world.inventory.nics.at("n1").routes, ElementsAre(own));
}

TEST_F(ResidenceTest, ARouteThatSomebodyDeletedMeanwhileDoesNotComeBack) {
  world.facts.routes = {DefaultRoute()};
  Step();
  world.Order(kV4, "n1");
  Step();
  RouteFact lent = DefaultRoute();
  lent.link = DecideWorld::Link(1);
  world.facts.routes = {lent};
  Step();
  world.facts.routes.clear();
  Step();
  world.Order(kV4, "n0");
  Step();
  EXPECT_THAT(world.decision.kernel.restored_routes, IsEmpty());
  EXPECT_THAT(world.decision.kernel.returned_routes, IsEmpty());
}

TEST_F(ResidenceTest, RoutesOfALostNicStayWhereAnOperatorLeavesItsAddresses) {
  world.facts.routes = {DefaultRoute()};
  Step();
  world.RemoveNic(0);
  Step();
  world.Order(kV4, "n1");
  EXPECT_TRUE(world.inventory.nics.at("n1").routes.empty()) << "another address belongs to n0 yet";
  Step();
  world.Order(kV6, "n1");
  Step();
  RouteFact inherited = DefaultRoute();
  inherited.link = DecideWorld::Link(1);
  EXPECT_THAT(world.decision.kernel.restored_routes, ElementsAre(inherited));
}

// n0 lent them to n1, whose end brought the address back.
TEST_F(ResidenceTest, AnOrderToStayWhereItStandsInBringsRoutesBack) {
  const RouteFact route = DefaultRoute();
  RouteFact lent = route;
  lent.link = DecideWorld::Link(1);
  world.facts.routes = {route};
  Step();
  world.Order(kV4, "n1");
  Step();
  world.facts.routes = {lent};
  Step();
  world.SetAdmin(1, false);
  Step();
  EXPECT_THAT(world.NicsWith(kV4), ElementsAre(0));
  world.Order(kV4, "n0");
  Step();
  EXPECT_THAT(world.decision.kernel.restored_routes, ElementsAre(route));
}

// It went to n1 and n2, and came back: neither has a claim to it.
TEST_F(ThreeNics, ARouteThatCameBackIsTakenByNobodyWhoHadItInBetween) {
  const auto on = [](int nic) {
    RouteFact route = DefaultRoute();
    route.link = DecideWorld::Link(nic);
    return route;
  };
  std::erase_if(world.facts.addresses,
                [](const AddressFact& fact) { return fact.link == DecideWorld::Link(1); });
  world.AddAddress(2, "198.51.100.3/24");
  world.facts.routes = {on(0)};
  Step();
  for (const int nic : {1, 2, 0}) {
    world.Order(kV4, absl::StrCat("n", nic));
    Step();
    world.facts.routes = {on(nic)};
    Step();
  }
  EXPECT_THAT(world.inventory.nics.at("n0").routes, ElementsAre(on(0)));
  world.Order("198.51.100.3", "n1");
  Step();
  EXPECT_THAT(world.decision.kernel.returned_routes, IsEmpty());
  EXPECT_THAT(world.inventory.nics.at("n0").routes, ElementsAre(on(0)));
}

// It was killed between the maps and the routes.
TEST_F(ResidenceTest, AnOrderThatTheMapsFollowAlreadyTakesTheRoutesAlong) {
  world.facts.routes = {DefaultRoute()};
  Step();
  world.Order(kV4, "n1");
  const Inventory saved = world.inventory;
  Step();
  world.AddAddress(0, "198.51.100.1/24");  // not deleted yet
  world.inventory = FollowOwners(saved, world.facts, world.datapath);
  world.memory.clear();
  world.Decide();
  RouteFact moved = DefaultRoute();
  moved.link = DecideWorld::Link(1);
  EXPECT_THAT(world.decision.kernel.restored_routes, ElementsAre(moved));
}

}  // namespace
}  // namespace stronghost
