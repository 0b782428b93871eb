// What a decision makes of dead paths and dead gateways, and whom a group listens to.
#include <gtest/gtest.h>

#include "agent/decide/path_targets.h"
#include "tests/unit/decide_world.h"

namespace stronghost {
namespace {

IpAddress Ip(const std::string& text) {
  return *IpAddress::Parse(text);
}

NicState StateOf(const DecideWorld& world, const std::string& nic) {
  return FindMember(world.decision.members, nic)->state;
}

TEST(DeadPathTest, AnotherNicCarriesTheHomeUntilThePathHasBeenGood) {
  DecideWorld world(2);
  world.config.groups[0].failback = absl::Seconds(5);
  world.Decide();
  world.reach["n0"].path_dead = true;
  world.Decide();
  EXPECT_EQ(StateOf(world, "n0"), NicState::kSuspect);
  EXPECT_EQ(world.PathOf(0).wire, DecideWorld::Link(1));
  EXPECT_TRUE(world.reach["n0"].path_dead) << "kept from decision to decision";
  world.reach["n0"].path_dead = false;
  world.Decide();
  EXPECT_EQ(StateOf(world, "n0"), NicState::kUp);
  EXPECT_EQ(world.PathOf(0).wire, DecideWorld::Link(1)) << "good news waits";
  world.now += absl::Seconds(5);
  world.Decide();
  EXPECT_EQ(world.PathOf(0).wire, DecideWorld::Link(0));
}

TEST(DeadPathTest, IsBetterThanNoCarrier) {
  DecideWorld world(2);
  world.Decide();
  world.reach["n0"].path_dead = true;
  world.Decide();
  world.SetCarrier(1, false);
  world.Decide();
  EXPECT_EQ(StateOf(world, "n0"), NicState::kUp);
  EXPECT_EQ(world.PathOf(0).wire, DecideWorld::Link(0));
  EXPECT_EQ(world.PathOf(1).wire, DecideWorld::Link(0));
}

// The metrics of the default routes of n0's home, by gateway.
absl::btree_map<IpAddress, uint32_t> Metrics(const PathFindings& paths) {
  DecideWorld world(2);
  world.AddAddress(0, "198.51.100.1/24");
  world.AddAddress(1, "198.51.100.2/24");
  world.config.groups[0].gateways = {Ip("198.51.100.254"), Ip("198.51.100.253")};
  world.Decide();
  const Decision decision =
      Decide({world.config, world.facts, world.memory, world.datapath, world.drained,
              world.inventory, world.added, world.reach, world.bounced, world.now, paths});
  absl::btree_map<IpAddress, uint32_t> metrics;
  for (const RouteFact& route : decision.kernel.routes) {
    if (route.link == DecideWorld::Link(0) && route.gateway.has_value()) {
      metrics[*route.gateway] = route.metric;
    }
  }
  return metrics;
}

TEST(DeadGatewayTest, ComesLastInTheTablesOfTheHomesThatItFails) {
  EXPECT_LT(Metrics({})[Ip("198.51.100.254")], Metrics({})[Ip("198.51.100.253")]);
  auto metrics = Metrics({.avoided = {{"n0", Ip("198.51.100.254")}}});
  EXPECT_GT(metrics[Ip("198.51.100.254")], metrics[Ip("198.51.100.253")]);
  EXPECT_EQ(Metrics({.avoided = {{"n1", Ip("198.51.100.254")}}}), Metrics({}))
      << "another home's trouble";
}

TEST(DeadGatewayTest, OnlyNicsWithGatewaysAreWatched) {
  DecideWorld world(2);
  const Decision decision = Decide({world.config, world.facts, world.memory, world.datapath,
                                    world.drained, world.inventory, world.added, world.reach,
                                    world.bounced, world.now, PathFindings{.watched = {"n1"}}});
  for (const auto& [index, home] : decision.datapath.homes) {
    EXPECT_EQ(home.watched, home.name == "n1");
  }
}

TEST(WorseGatewaysTest, AreDeadOrNotBackForLongEnoughAndHaveABetterOne) {
  using enum GatewayState;
  const IpAddress a = Ip("198.51.100.254");
  const IpAddress b = Ip("198.51.100.253");
  const IpAddress six = Ip("2001:db8::fe");
  EXPECT_TRUE(WorseGateways({{a, kFine}, {b, kFine}}).empty());
  EXPECT_EQ(WorseGateways({{a, kDead}, {b, kFine}}), std::vector{a});
  EXPECT_EQ(WorseGateways({{a, kBack}, {b, kFine}}), std::vector{a});
  EXPECT_EQ(WorseGateways({{a, kFine}, {b, kDead}}), std::vector{b});
  EXPECT_EQ(WorseGateways({{a, kDead}, {b, kProbing}}), std::vector{a});
  EXPECT_TRUE(WorseGateways({{a, kDead}, {b, kDead}}).empty()) << "nobody would be better";
  EXPECT_TRUE(WorseGateways({{a, kDead}, {b, kBack}}).empty());
  EXPECT_TRUE(WorseGateways({{a, kDead}, {six, kFine}}).empty()) << "of another family";
  EXPECT_TRUE(WorseGateways({{a, kProbing}, {b, kFine}}).empty()) << "not known yet";
}

TEST(GatewaysOfTest, AreThoseOfTheFileThenNextHopsOfDefaultRoutes) {
  DecideWorld world(2);
  GroupConfig& group = world.config.groups[0];
  group.gateways = {Ip("198.51.100.254")};
  group.addresses = {{.ip = *IpPrefix::Parse("198.51.100.1/24"),
                      .home = "n0",
                      .gateways = {Ip("198.51.100.253")}}};
  world.Decide();
  const RouteFact learned{
      .destination = {IpAddress(), 0}, .gateway = Ip("fe80::1"), .link = DecideWorld::Link(1)};
  RouteFact known = learned;
  known.gateway = Ip("198.51.100.254");
  RouteFact elsewhere = learned;
  elsewhere.gateway = Ip("192.0.2.1");
  elsewhere.link = IfIndex{99};
  RouteFact network = learned;
  network.destination = *IpPrefix::Parse("2001:db8:7::/64");
  network.gateway = Ip("fe80::2");
  EXPECT_EQ(GatewaysOf(world.config.groups[0], world.decision.members,
                       std::vector{learned, known, elsewhere, network}),
            (std::vector{Ip("198.51.100.254"), Ip("198.51.100.253"), Ip("fe80::1")}));
}

}  // namespace
}  // namespace stronghost
