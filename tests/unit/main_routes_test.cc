// Which ways of table main a home's own table has too, and in which order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <tuple>

#include "agent/base/ids.h"
#include "tests/unit/decide_world.h"

namespace stronghost {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

RouteFact Main(int nic, const std::string& to, const std::string& via, uint32_t metric = 0) {
  RouteFact route{.table = RT_TABLE_MAIN,
                  .destination = *IpPrefix::Parse(to),
                  .link = DecideWorld::Link(nic),
                  .metric = metric,
                  .protocol = RTPROT_STATIC};
  if (!via.empty()) {
    route.gateway = *IpAddress::Parse(via);
  }
  return route;
}

class FollowedRoutes : public ::testing::Test {
 protected:
  FollowedRoutes() {
    world.AddAddress(0, "198.51.100.1/24");
    world.AddAddress(1, "198.51.100.2/24");
    world.AddAddress(0, "2001:db8::1/64");
  }
  // "DESTINATION via GATEWAY metric METRIC" of each in the home's table but its subnets, in the
  // order in which they are made and taken.
  std::vector<std::string> Table(int nic, uint32_t table = 0) {
    world.Decide();
    std::vector<std::string> routes;
    std::vector<RouteFact> ordered = world.decision.kernel.routes;
    std::sort(ordered.begin(), ordered.end(), [](const RouteFact& a, const RouteFact& b) {
      return std::tuple(a.gateway.has_value(), a.destination, a.metric) <
             std::tuple(b.gateway.has_value(), b.destination, b.metric);
    });
    for (const RouteFact& route : ordered) {
      const bool subnet = route.destination == *IpPrefix::Parse("198.51.100.0/24") ||
                          route.destination == *IpPrefix::Parse("2001:db8::/64");
      if (route.table != (table != 0 ? table : kTableBase + ToInt(world.HomeOf(nic))) || subnet) {
        continue;
      }
      EXPECT_EQ(route.link, DecideWorld::Link(nic));
      EXPECT_EQ(route.protocol, kRouteProtocol);
      routes.push_back(
          absl::StrCat(route.destination.ToString(),
                       route.gateway ? absl::StrCat(" via ", route.gateway->ToString()) : "",
                       " metric ", route.metric));
    }
    return routes;
  }
  void Add(const RouteFact& route) { world.facts.routes.push_back(route); }

  DecideWorld world{2};
};

TEST_F(FollowedRoutes, EachHomeHasThoseThroughItself) {
  Add(Main(0, "10.0.0.0/8", "198.51.100.254", 100));
  Add(Main(1, "10.1.0.0/16", "198.51.100.253"));
  Add(Main(0, "2001:db8:5::/48", "fe80::1", 1024));
  EXPECT_THAT(Table(0), ElementsAre("10.0.0.0/8 via 198.51.100.254 metric 100",
                                    "2001:db8:5::/48 via fe80::1 metric 1024"));
  EXPECT_THAT(Table(1), ElementsAre("10.1.0.0/16 via 198.51.100.253 metric 0"));
  world.facts.routes.clear();
  EXPECT_THAT(Table(0), IsEmpty());
}

TEST_F(FollowedRoutes, TheyKeepTheirOrderOfPreference) {
  Add(Main(0, "10.0.0.0/8", "198.51.100.253", 200));
  Add(Main(0, "10.0.0.0/8", "198.51.100.254", 100));
  Add(Main(0, "10.0.0.0/8", "198.51.100.252", 200));
  EXPECT_THAT(Table(0), ElementsAre("10.0.0.0/8 via 198.51.100.254 metric 100",
                                    "10.0.0.0/8 via 198.51.100.253 metric 200",
                                    "10.0.0.0/8 via 198.51.100.252 metric 201"));
}

TEST_F(FollowedRoutes, OfSeveralRoutersThePreferredComesFirst) {
  for (const auto& [via, preference] :
       {std::pair("fe80::1", 1), std::pair("fe80::2", 0), std::pair("fe80::3", -1)}) {
    for (const char* to : {"::/0", "2001:db8:5::/48"}) {
      RouteFact route = Main(0, to, via, 1024);
      route.preference = static_cast<int8_t>(preference);
      route.protocol = RTPROT_RA;
      Add(route);
    }
  }
  EXPECT_THAT(Table(0),
              ElementsAre("::/0 via fe80::3 metric 1024", "::/0 via fe80::2 metric 1025",
                          "::/0 via fe80::1 metric 1026", "2001:db8:5::/48 via fe80::3 metric 1024",
                          "2001:db8:5::/48 via fe80::2 metric 1025",
                          "2001:db8:5::/48 via fe80::1 metric 1026"));
}

TEST_F(FollowedRoutes, AHopOfAMultipathRouteBelongsToItsHome) {
  for (const auto& [nic, via] : {std::pair(0, "198.51.100.254"), std::pair(1, "198.51.100.253"),
                                 std::pair(1, "198.51.100.252")}) {
    RouteFact hop = Main(nic, "10.0.0.0/8", via, 50);
    hop.multipath = true;
    Add(hop);
  }
  EXPECT_THAT(Table(0), ElementsAre("10.0.0.0/8 via 198.51.100.254 metric 50"));
  EXPECT_THAT(Table(1), ElementsAre("10.0.0.0/8 via 198.51.100.253 metric 50",
                                    "10.0.0.0/8 via 198.51.100.252 metric 51"));
}

// On-link by a route alone (a classless route without a router), and a gateway behind it.
TEST_F(FollowedRoutes, AGatewayThatARouteMakesOnLinkNeedsNoMore) {
  Add(Main(0, "203.0.113.1/32", ""));
  Add(Main(0, "10.0.0.0/8", "203.0.113.1"));
  Add(Main(0, "0.0.0.0/0", "203.0.113.1"));
  EXPECT_THAT(Table(0),
              ElementsAre("203.0.113.1/32 metric 0", "0.0.0.0/0 via 203.0.113.1 metric 1024",
                          "10.0.0.0/8 via 203.0.113.1 metric 0"));
  for (const RouteFact& route : world.decision.kernel.routes) {
    EXPECT_EQ(route.flags & RTNH_F_ONLINK, 0U);
  }
}

TEST_F(FollowedRoutes, TheSubnetOfAnAddressComesFirst) {
  Add(Main(0, "2001:db8::/64", "fe80::1", 512));
  world.Decide();
  uint32_t subnet = 0;
  uint32_t followed = 0;
  for (const RouteFact& route : world.decision.kernel.routes) {
    if (route.destination == *IpPrefix::Parse("2001:db8::/64")) {
      (route.gateway.has_value() ? followed : subnet) = route.metric;
    }
  }
  EXPECT_GT(followed, subnet);
}

TEST_F(FollowedRoutes, WhatIsTheKernelsOrOfAnotherTableOrFamilyIsLeftOut) {
  RouteFact kernel = Main(0, "203.0.113.0/24", "");
  kernel.protocol = RTPROT_KERNEL;
  Add(kernel);
  RouteFact elsewhere = Main(0, "10.0.0.0/8", "198.51.100.254");
  elsewhere.table = 100;
  Add(elsewhere);
  Add(Main(0, "fe80::/64", ""));
  Add(Main(0, "ff00::/8", ""));
  Add(Main(1, "2001:db8:5::/48", "fe80::1", 1024));  // which has no IPv6 address
  EXPECT_THAT(Table(0), IsEmpty());
  EXPECT_THAT(Table(1), IsEmpty());
}

// What the agent itself has put into table main counts as long as it wants it there.
TEST_F(FollowedRoutes, TheAgentsOwnRoutesAreNotCopiedFromWhatIsThere) {
  RouteFact stale = Main(1, "10.0.0.0/8", "198.51.100.254");
  stale.protocol = kRouteProtocol;
  Add(stale);
  RouteFact stale_default = stale;
  stale_default.destination = *IpPrefix::Parse("0.0.0.0/0");
  Add(stale_default);
  EXPECT_THAT(Table(1), IsEmpty());
}

TEST_F(FollowedRoutes, GoWithTheAddressesOfTheirNicAndComeBack) {
  Add(Main(0, "10.0.0.0/8", "198.51.100.254", 100));
  world.Decide();
  world.SetAdmin(0, false);
  world.Decide();
  world.Apply();
  EXPECT_THAT(Table(1), ElementsAre("10.0.0.0/8 via 198.51.100.254 metric 100"));
}

TEST_F(FollowedRoutes, AreInTheTableOfAnAddressWithGatewaysOfItsOwn) {
  world.config.groups[0].addresses = {
      {.ip = *IpPrefix::Parse("198.51.100.1/24"),
       .home = "n0",
       .gateways = {*IpAddress::Parse("198.51.100.253"), *IpAddress::Parse("198.51.100.252")}}};
  Add(Main(0, "10.0.0.0/8", "198.51.100.254"));
  Add(Main(0, "0.0.0.0/0", "198.51.100.254"));
  EXPECT_THAT(Table(0, kGatewayTableBase), ElementsAre("0.0.0.0/0 via 198.51.100.253 metric 1024",
                                                       "0.0.0.0/0 via 198.51.100.252 metric 1025",
                                                       "10.0.0.0/8 via 198.51.100.254 metric 0"));
}

TEST_F(FollowedRoutes, ThereIsALimitThatIsTold) {
  for (int i = 0; i < 1030; ++i) {
    Add(Main(0, absl::StrCat("10.", i / 256, ".", i % 256, ".0/24"), "198.51.100.254"));
  }
  EXPECT_EQ(Table(0).size(), 1024U);
  EXPECT_THAT(world.decision.problems, Contains(HasSubstr("1024 of the 1030 routes")));
}

}  // namespace
}  // namespace stronghost
