// Which home indexes, addresses, routes, rules and knobs `decide` asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "agent/base/ids.h"
#include "tests/unit/decide_world.h"

namespace stronghost {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

AddressKey Key(const std::string& ip, IfIndex scope = IfIndex::kNone) {
  return {*IpAddress::Parse(ip), scope};
}

TEST(DesiredDatapath, HomesOfAGroupFormOneRing) {
  DecideWorld world(3);
  world.Decide();
  HomeIndex index = world.HomeOf(0);
  std::set<HomeIndex> seen;
  for (int i = 0; i < 3; ++i) {
    seen.insert(index);
    index = world.datapath.homes.at(index).next;
  }
  EXPECT_EQ(seen.size(), 3U);
  EXPECT_EQ(index, world.HomeOf(0));
}

TEST(DesiredDatapath, KnownHomesKeepTheirIndex) {
  DecideWorld world(2);
  world.datapath.homes[HomeIndex{7}] = {.index = HomeIndex{7}, .link = DecideWorld::Link(1)};
  world.Decide();
  EXPECT_EQ(world.HomeOf(1), HomeIndex{7});
  EXPECT_EQ(world.HomeOf(0), HomeIndex{1});
}

TEST(DesiredDatapath, AdoptedAddressesBelongToTheNicThatTheyAreOn) {
  DecideWorld world(2);
  world.AddAddress(0, "198.51.100.1/24");
  world.AddAddress(1, "2001:db8::2/64");
  world.Decide();
  EXPECT_EQ(world.datapath.addresses.at(Key("198.51.100.1")).home, world.HomeOf(0));
  EXPECT_EQ(world.datapath.addresses.at(Key("2001:db8::2")).home, world.HomeOf(1));
}

// By which deliver knows the gateways that a redirect may name (bpf/lib/redirect.h).
TEST(DesiredDatapath, AnAddressHasTheLengthOfTheWidestSubnetOfItsHomeAroundIt) {
  DecideWorld world(2);
  world.AddAddress(0, "198.51.100.1/24");
  world.AddAddress(0, "198.51.100.9/32");    // in that /24
  world.AddAddress(0, "198.51.100.130/25");  // likewise
  world.AddAddress(0, "192.0.2.1/30");       // another network
  world.AddAddress(0, "203.0.113.7/32");     // in none
  world.AddAddress(1, "198.51.100.2/26");    // the /24 is the sibling's
  world.AddAddress(1, "2001:db8::2/64");     // nobody asks
  world.Decide();
  const auto length = [&world](const std::string& ip) {
    return int{world.datapath.addresses.at(Key(ip)).network};
  };
  EXPECT_EQ(length("198.51.100.1"), 24);
  EXPECT_EQ(length("198.51.100.9"), 24);
  EXPECT_EQ(length("198.51.100.130"), 24);
  EXPECT_EQ(length("192.0.2.1"), 30);
  EXPECT_EQ(length("203.0.113.7"), 32);
  EXPECT_EQ(length("198.51.100.2"), 26);
  EXPECT_EQ(length("2001:db8::2"), 0);
}

// A configured one that is not on its NIC yet counts as well.
TEST(DesiredDatapath, ASubnetThatIsAboutToArriveCounts) {
  DecideWorld world(1);
  world.config.groups[0].addresses = {{.ip = *IpPrefix::Parse("198.51.100.1/24"), .home = "n0"}};
  world.AddAddress(0, "198.51.100.9/32");
  world.Decide();
  EXPECT_EQ(world.datapath.addresses.at(Key("198.51.100.1")).network, 24);
  EXPECT_EQ(world.datapath.addresses.at(Key("198.51.100.9")).network, 24);
}

TEST(DesiredDatapath, LinkLocalAddressesAreScopedByTheirHome) {
  DecideWorld world(2);
  world.AddAddress(0, "fe80::1/64");
  world.AddAddress(1, "fe80::1/64");
  world.Decide();
  EXPECT_EQ(world.datapath.addresses.at(Key("fe80::1", DecideWorld::Link(0))).home,
            world.HomeOf(0));
  EXPECT_EQ(world.datapath.addresses.at(Key("fe80::1", DecideWorld::Link(1))).home,
            world.HomeOf(1));
  EXPECT_THAT(world.decision.problems, IsEmpty());
}

TEST(DesiredDatapath, WithoutAdoptOnlyConfiguredAndLinkLocalAddressesAreManaged) {
  DecideWorld world(2);
  world.config.groups[0].adopt = false;
  world.config.groups[0].addresses = {{.ip = *IpPrefix::Parse("198.51.100.9/24"), .home = "n1"}};
  world.AddAddress(0, "198.51.100.1/24");
  world.AddAddress(0, "fe80::1/64");
  world.Decide();
  EXPECT_EQ(world.datapath.addresses.size(), 2U);
  EXPECT_EQ(world.datapath.addresses.at(Key("198.51.100.9")).home, world.HomeOf(1));
}

TEST(DesiredDatapath, AddressOnTwoNicsKeepsItsConfiguredHomeAndIsReported) {
  DecideWorld world(2);
  world.config.groups[0].addresses = {{.ip = *IpPrefix::Parse("198.51.100.1/24"), .home = "n1"}};
  world.AddAddress(0, "198.51.100.1/24");
  world.AddAddress(1, "198.51.100.1/24");
  world.Decide();
  EXPECT_EQ(world.datapath.addresses.at(Key("198.51.100.1")).home, world.HomeOf(1));
  EXPECT_THAT(world.decision.problems, Contains(HasSubstr("198.51.100.1 is on n0")));
}

TEST(DesiredDatapath, MissingNicIsNoHomeAndNoError) {
  DecideWorld world(2);
  world.facts.links.erase(DecideWorld::Link(1));
  world.Decide();
  EXPECT_EQ(world.datapath.homes.size(), 1U);
  EXPECT_EQ(world.decision.members[1].state, NicState::kMissing);
  EXPECT_EQ(world.PathOf(0), (Path{DecideWorld::Link(0), IfIndex::kNone}));
}

TEST(DesiredDatapath, VlanChildrenAreNoticed) {
  DecideWorld world(2);
  world.facts.links[IfIndex{50}] = {
      .index = IfIndex{50}, .name = "n0.7", .parent = DecideWorld::Link(0), .kind = "vlan"};
  world.Decide();
  EXPECT_TRUE(world.datapath.homes.at(world.HomeOf(0)).vlan_children);
  EXPECT_FALSE(world.datapath.homes.at(world.HomeOf(1)).vlan_children);
}

PrefixConfig Prefix(const std::string& prefix, const std::string& home) {
  return {.prefix = *IpPrefix::Parse(prefix), .home = home};
}

TEST(DesiredDatapath, PrefixesBelongToTheirConfiguredHome) {
  DecideWorld world(2);
  world.config.groups[0].prefixes = {Prefix("203.0.113.64/28", "n1"),
                                     Prefix("2001:db8:c::/64", "n0")};
  world.Decide();
  EXPECT_EQ(world.datapath.prefixes.size(), 2U);
  EXPECT_EQ(world.datapath.prefixes.at(*IpPrefix::Parse("203.0.113.64/28")), world.HomeOf(1));
  EXPECT_EQ(world.datapath.prefixes.at(*IpPrefix::Parse("2001:db8:c::/64")), world.HomeOf(0));
  EXPECT_THAT(world.decision.problems, IsEmpty());
  world.config.groups[0].prefixes = {Prefix("203.0.113.64/28", "n0")};
  world.Decide();
  EXPECT_EQ(world.datapath.prefixes.size(), 1U);
  EXPECT_EQ(world.datapath.prefixes.at(*IpPrefix::Parse("203.0.113.64/28")), world.HomeOf(0));
}

// A stand-in changes the wire only.
TEST(DesiredDatapath, APrefixStaysAtHomeWithoutCarrier) {
  DecideWorld world(2);
  world.AddAddress(0, "198.51.100.1/24");
  world.config.groups[0].prefixes = {Prefix("203.0.113.64/28", "n0")};
  world.Decide();
  world.SetCarrier(0, false);
  world.Decide();
  EXPECT_EQ(world.datapath.prefixes.at(*IpPrefix::Parse("203.0.113.64/28")), world.HomeOf(0));
  EXPECT_EQ(world.PathOf(0).wire, DecideWorld::Link(1));
}

// By the rule of the addresses: gone or down, elsewhere; usable again for `failback`, back.
TEST(DesiredDatapath, APrefixGoesWithTheAddressesOfItsHomeAndComesBackWithThem) {
  for (const bool gone : {true, false}) {
    DecideWorld world(3);
    world.AddAddress(0, "198.51.100.1/24");
    world.AddAddress(1, "198.51.100.2/24");
    world.config.groups[0].prefixes = {Prefix("203.0.113.64/28", "n0")};
    const IpPrefix prefix = *IpPrefix::Parse("203.0.113.64/28");
    const auto home_of_prefix = [&] {
      return world.datapath.homes.at(world.datapath.prefixes.at(prefix)).name;
    };
    const auto home_of_address = [&] {
      return world.inventory.addresses.at(*IpAddress::Parse("198.51.100.1")).home;
    };
    world.Decide();
    world.Apply();
    EXPECT_EQ(home_of_prefix(), "n0");
    if (gone) {
      world.RemoveNic(0);
    } else {
      world.SetAdmin(0, false);
    }
    world.now += absl::Seconds(100);
    world.Decide();
    world.Apply();
    ASSERT_NE(home_of_address(), "n0");
    EXPECT_EQ(home_of_prefix(), home_of_address());
    bool in_rules = false;
    for (const RuleFact& rule : world.decision.kernel.rules) {
      if (rule.from == prefix && rule.priority == kRulePriorityPrefix) {
        in_rules = true;
        EXPECT_EQ(rule.table, kTableBase + ToInt(world.datapath.prefixes.at(prefix)));
      }
    }
    EXPECT_TRUE(in_rules);
    if (gone) {
      world.InsertNic(0);
    } else {
      world.SetAdmin(0, true);
    }
    world.Decide();
    world.Apply();
    EXPECT_NE(home_of_prefix(), "n0") << "before the hold-down is over";
    world.now += absl::Seconds(10);
    world.Decide();
    EXPECT_EQ(home_of_address(), "n0");
    EXPECT_EQ(home_of_prefix(), "n0");
  }
}

TEST(DesiredDatapath, APrefixWhoseHomeIsMissingWithoutATraceIsReported) {
  DecideWorld world(2);
  world.config.groups[0].prefixes = {Prefix("203.0.113.64/28", "n0")};
  world.facts.links.erase(DecideWorld::Link(0));
  world.Decide();
  EXPECT_THAT(world.datapath.prefixes, IsEmpty());
  EXPECT_THAT(world.decision.problems, Contains(HasSubstr("203.0.113.64/28 has no home")));
}

TEST(MacMode, AutoFollowsOnlyWithProvenDrivers) {
  DecideWorld world(2);
  world.Decide();
  EXPECT_FALSE(world.decision.members[0].stay);
  world.facts.links[DecideWorld::Link(1)].driver = "mlx5_core";
  world.Decide();
  EXPECT_TRUE(world.decision.members[0].stay);
  world.config.groups[0].mac = MacMode::kFollow;
  world.Decide();
  EXPECT_FALSE(world.decision.members[0].stay);
}

TEST(DesiredKernel, EveryManagedAddressHasTwoRulesIntoItsHomesTable) {
  DecideWorld world(2);
  world.AddAddress(0, "198.51.100.1/24");
  world.AddAddress(0, "fe80::1/64");
  const KernelState& kernel = world.Decide().kernel;
  ASSERT_EQ(kernel.rules.size(), 2U);
  EXPECT_EQ(kernel.rules[0].priority, kRulePriorityMain);
  EXPECT_EQ(kernel.rules[0].suppress_ifgroup, kLinkGroup);
  EXPECT_EQ(kernel.rules[1].table, kTableBase + ToInt(world.HomeOf(0)));
  EXPECT_EQ(kernel.rules[1].from, IpPrefix::Parse("198.51.100.1/32").value());
}

TEST(DesiredKernel, HomeTableHasTheSubnetAndTheConfiguredGateways) {
  DecideWorld world(2);
  world.AddAddress(0, "198.51.100.1/24");
  world.AddAddress(0, "2001:db8:9::1/64");
  world.config.groups[0].gateways = {*IpAddress::Parse("198.51.100.254"),
                                     *IpAddress::Parse("2001:db8::fe")};
  const KernelState& kernel = world.Decide().kernel;
  const uint32_t table = kTableBase + ToInt(world.HomeOf(0));
  std::vector<RouteFact> mine;
  for (const RouteFact& route : kernel.routes) {
    if (route.table == table) {
      mine.push_back(route);
    }
  }
  ASSERT_EQ(mine.size(), 5U);
  for (const RouteFact& route : mine) {
    EXPECT_EQ(route.link, DecideWorld::Link(0));
    EXPECT_EQ(route.protocol, kRouteProtocol);
    EXPECT_EQ(route.flags & RTNH_F_ONLINK, 0U);
  }
}

// The kernel refuses an IPv6 route by RTNH_F_ONLINK where it reaches the gateway through a sibling.
TEST(DesiredKernel, AGatewayOutsideOfTheHomesSubnetsIsOnLinkAllTheSame) {
  DecideWorld world(2);
  world.AddAddress(0, "198.51.100.1/32");
  world.AddAddress(0, "2001:db8::1/128");
  world.config.groups[0].gateways = {*IpAddress::Parse("198.51.100.254"),
                                     *IpAddress::Parse("2001:db8::fe")};
  const std::vector<RouteFact>& routes = world.Decide().kernel.routes;
  ASSERT_EQ(routes.size(), 3U);
  EXPECT_EQ(routes[0].destination, *IpPrefix::Parse("2001:db8::fe/128")) << "before its use";
  EXPECT_FALSE(routes[0].gateway.has_value());
  for (const RouteFact& route : {routes[1], routes[2]}) {
    EXPECT_EQ(route.destination.length, 0);
    EXPECT_EQ((route.flags & RTNH_F_ONLINK) != 0, route.gateway->IsV4());
  }
}

TEST(DesiredKernel, AHomeWithoutAnAddressOfAFamilyHasNoDefaultRouteInIt) {
  DecideWorld world(2);
  world.config.groups[0].gateways = {*IpAddress::Parse("198.51.100.254"),
                                     *IpAddress::Parse("2001:db8::fe")};
  world.AddAddress(0, "198.51.100.1/24");
  world.AddAddress(1, "2001:db8::2/64");
  world.AddAddress(0, "fe80::1/64");
  world.Decide();
  for (const RouteFact& route : world.decision.kernel.routes) {
    if (route.gateway.has_value()) {
      EXPECT_EQ(route.link, DecideWorld::Link(route.gateway->IsV4() ? 0 : 1));
    }
  }
}

TEST(DesiredKernel, AnAddressWithAGatewayOfItsOwnHasATableOfItsOwn) {
  DecideWorld world(2);
  world.AddAddress(0, "198.51.100.1/24");
  world.AddAddress(1, "198.51.100.2/24");
  const IpAddress own = *IpAddress::Parse("198.51.100.253");
  world.config.groups[0].gateways = {*IpAddress::Parse("198.51.100.254")};
  world.config.groups[0].addresses = {
      {.ip = *IpPrefix::Parse("198.51.100.1/24"), .home = "n0", .gateways = {own}}};
  const KernelState& kernel = world.Decide().kernel;
  std::vector<RouteFact> mine;
  for (const RouteFact& route : kernel.routes) {
    if (route.table == kGatewayTableBase) {
      mine.push_back(route);
      EXPECT_EQ(route.link, DecideWorld::Link(0));
    }
  }
  ASSERT_EQ(mine.size(), 2U) << "the gateway and the subnet";
  EXPECT_FALSE(mine[0].gateway.has_value());
  EXPECT_EQ(mine[1].gateway, own);
  for (const RuleFact& rule : kernel.rules) {
    if (rule.priority == kRulePriorityHome) {
      const bool first = rule.from->address == *IpAddress::Parse("198.51.100.1");
      EXPECT_EQ(rule.table, first ? kGatewayTableBase : kTableBase + ToInt(world.HomeOf(1)));
    }
  }
}

TEST(DesiredKernel, AGatewaysTableKeepsItsNumberWhileAnotherNicIsMissing) {
  DecideWorld world(2);
  world.AddAddress(1, "198.51.100.2/24");
  const IpAddress own = *IpAddress::Parse("198.51.100.253");
  world.config.groups[0].addresses = {
      {.ip = *IpPrefix::Parse("198.51.100.1/24"), .home = "n0", .gateways = {own}},
      {.ip = *IpPrefix::Parse("198.51.100.2/24"), .home = "n1", .gateways = {own}}};
  const auto table_of_second = [&] {
    for (const RuleFact& rule : world.Decide().kernel.rules) {
      if (rule.priority == kRulePriorityHome &&
          rule.from->address == *IpAddress::Parse("198.51.100.2")) {
        return rule.table;
      }
    }
    return 0U;
  };
  EXPECT_EQ(table_of_second(), kGatewayTableBase + 1);
  world.facts.links.erase(DecideWorld::Link(0));
  EXPECT_EQ(table_of_second(), kGatewayTableBase + 1);
}

TEST(DesiredKernel, WithoutConfiguredGatewaysTheMainTablesDefaultOfTheHomeIsTaken) {
  DecideWorld world(2);
  world.AddAddress(0, "198.51.100.1/24");
  world.AddAddress(1, "198.51.100.2/24");
  world.facts.routes.push_back({.table = RT_TABLE_MAIN,
                                .destination = {IpAddress::V4(0), 0},
                                .gateway = *IpAddress::Parse("198.51.100.253"),
                                .link = DecideWorld::Link(1)});
  int defaults = 0;
  for (const RouteFact& route : world.Decide().kernel.routes) {
    if (route.destination.length == 0) {
      ++defaults;
      EXPECT_EQ(route.link, DecideWorld::Link(1));
      EXPECT_EQ(route.gateway->ToString(), "198.51.100.253");
    }
  }
  EXPECT_EQ(defaults, 1);
}

TEST(DesiredKernel, PolicyRulesOffLeavesRoutingAlone) {
  DecideWorld world(2);
  world.config.groups[0].policy_rules = false;
  world.AddAddress(0, "198.51.100.1/24");
  const KernelState& kernel = world.Decide().kernel;
  EXPECT_THAT(kernel.rules, IsEmpty());
  EXPECT_THAT(kernel.routes, IsEmpty());
  EXPECT_TRUE(kernel.ifgroups.empty());
}

// A VRF's table comes before the rules, and the kernel takes no address of a VRF as the preferred
// source of another table.
TEST(DesiredKernel, RoutingInAVrfIsTheVrfs) {
  DecideWorld world(2);
  world.config.reply_mark = 0x53480000;
  world.AddAddress(0, "198.51.100.1/24");
  world.AddAddress(1, "198.51.100.2/24");
  world.facts.links[IfIndex{90}] = {.index = IfIndex{90}, .name = "red", .kind = "vrf"};
  for (int i = 0; i < 2; ++i) {
    world.facts.links[DecideWorld::Link(i)].master = IfIndex{90};
  }
  const Decision& decision = world.Decide();
  EXPECT_THAT(decision.kernel.rules, IsEmpty());
  EXPECT_THAT(decision.kernel.routes, IsEmpty());
  EXPECT_TRUE(decision.reply_marks.empty());
  EXPECT_EQ(decision.datapath.addresses.size(), 2U) << "steering goes on";
}

TEST(DesiredKernel, RulesStopAtTheLimitAndSaySo) {
  DecideWorld world(2);
  for (int i = 0; i < kRuleAddressLimit + 5; ++i) {
    world.AddAddress(0, absl::StrCat("10.9.", i / 250, ".", 1 + i % 250, "/16"));
  }
  world.Decide();
  EXPECT_EQ(world.decision.kernel.rules.size(), 2U * kRuleAddressLimit);
  EXPECT_THAT(world.decision.problems, Contains(HasSubstr("5 of 261 IPv4")));
}

// Container to container and connected routes first, then the home's table; behind the rules of
// addresses, of which another home may have one in the prefix.
TEST(DesiredKernel, APrefixHasTwoRulesIntoItsHomesTable) {
  DecideWorld world(2);
  world.AddAddress(1, "203.0.113.65/24");
  world.config.groups[0].prefixes = {Prefix("203.0.113.64/28", "n0")};
  const KernelState& kernel = world.Decide().kernel;
  const auto rule = [](uint32_t priority, const std::string& from, uint32_t table) {
    RuleFact fact{.family = AF_INET,
                  .priority = priority,
                  .from = *IpPrefix::Parse(from),
                  .table = table,
                  .protocol = kRouteProtocol};
    if (table == RT_TABLE_MAIN) {
      fact.suppress_prefix_length = 0;
      fact.suppress_ifgroup = kLinkGroup;
    }
    return fact;
  };
  EXPECT_THAT(
      kernel.rules,
      testing::UnorderedElementsAre(
          rule(kRulePriorityMain, "203.0.113.64/28", RT_TABLE_MAIN),
          rule(kRulePriorityMain, "203.0.113.65/32", RT_TABLE_MAIN),
          rule(kRulePriorityHome, "203.0.113.65/32", kTableBase + ToInt(world.HomeOf(1))),
          rule(kRulePriorityPrefix, "203.0.113.64/28", kTableBase + ToInt(world.HomeOf(0)))));
  static_assert(kRulePriorityHome < kRulePriorityPrefix);
}

TEST(DesiredKernel, AnAddressThatIsAPrefixAsWellHasItsFirstRuleOnce) {
  DecideWorld world(2);
  world.AddAddress(0, "198.51.100.1/24");
  world.config.groups[0].prefixes = {Prefix("198.51.100.1/32", "n0")};
  EXPECT_EQ(world.Decide().kernel.rules.size(), 3U);
}

TEST(DesiredKernel, PrefixesCountInTheLimitAndComeBeforeAddresses) {
  DecideWorld world(2);
  for (int i = 0; i < kRuleAddressLimit; ++i) {
    world.AddAddress(0, absl::StrCat("10.9.", i / 250, ".", 1 + i % 250, "/16"));
  }
  world.config.groups[0].prefixes = {Prefix("203.0.113.64/28", "n0")};
  world.Decide();
  EXPECT_EQ(world.decision.kernel.rules.size(), 2U * kRuleAddressLimit);
  EXPECT_THAT(world.decision.kernel.rules,
              Contains(testing::Field(&RuleFact::priority, kRulePriorityPrefix)));
  EXPECT_THAT(world.decision.problems, Contains(HasSubstr("1 of 257 IPv4")));
}

TEST(DesiredKernel, SiblingsAcceptEachOthersMacsInFollowButOnlyMulticastInStay) {
  DecideWorld world(2);
  world.facts.multicast[DecideWorld::Link(1)] = {*MacAddress::Parse("33:33:ff:00:00:02")};
  const FilterEntry unicast{DecideWorld::Link(0), *MacAddress::Parse("02:00:00:00:00:02")};
  const FilterEntry multicast{DecideWorld::Link(0), *MacAddress::Parse("33:33:ff:00:00:02")};
  world.Decide();
  EXPECT_THAT(world.decision.kernel.filters, Contains(unicast));
  EXPECT_THAT(world.decision.kernel.filters, Contains(multicast));
  world.config.groups[0].mac = MacMode::kStay;
  world.Decide();
  EXPECT_THAT(world.decision.kernel.filters, Not(Contains(unicast)));
  EXPECT_THAT(world.decision.kernel.filters, Contains(multicast));
}

TEST(DesiredKernel, ExplicitAddressesAreAskedForOnTheirHome) {
  DecideWorld world(2);
  world.config.groups[0].addresses = {{.ip = *IpPrefix::Parse("2001:db8::9/64"), .home = "n1"}};
  const KernelState& kernel = world.Decide().kernel;
  ASSERT_EQ(kernel.addresses.size(), 1U);
  EXPECT_EQ(kernel.addresses[0].link, DecideWorld::Link(1));
}

TEST(DesiredKernel, KnobsKeepADeadHomesNeighboursAndRoutes) {
  DecideWorld world(1);
  const KernelState& kernel = world.Decide().kernel;
  EXPECT_THAT(kernel.sysctls, Contains(Sysctl{"ipv4/conf/n0/arp_evict_nocarrier", "0"}));
  EXPECT_THAT(kernel.sysctls, Contains(Sysctl{"ipv6/conf/n0/ndisc_evict_nocarrier", "0"}));
  EXPECT_THAT(kernel.sysctls, Contains(Sysctl{"ipv4/conf/n0/arp_announce", "2"}));
}

}  // namespace
}  // namespace stronghost
