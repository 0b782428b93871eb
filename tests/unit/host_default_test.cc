// What takes the place of table main's default route while its gateway is dead.
#include "agent/decide/host_default.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "agent/base/ids.h"
#include "tests/unit/decide_world.h"

namespace stronghost {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

IpAddress Ip(const std::string& text) {
  return *IpAddress::Parse(text);
}

class HostDefaultTest : public ::testing::Test {
 protected:
  HostDefaultTest() {
    world_.AddAddress(0, "198.51.100.1/24");
    world_.AddAddress(0, "2001:db8::1/64");
    world_.AddAddress(1, "203.0.113.1/24");
  }
  void AddMain(IfIndex link, const std::string& gateway, uint32_t metric) {
    const IpAddress ip = Ip(gateway);
    world_.facts.routes.push_back({.table = RT_TABLE_MAIN,
                                   .destination = {ip.IsV4() ? IpAddress::V4(0) : IpAddress(), 0},
                                   .gateway = ip,
                                   .link = link,
                                   .metric = metric,
                                   .protocol = RTPROT_BOOT});
  }
  void Decide(const DeadGateways& dead) {
    world_.Decide();
    state_ = stronghost::Decide({world_.config, world_.facts, world_.memory, world_.datapath,
                                 world_.drained, world_.inventory, world_.added, world_.reach,
                                 world_.bounced, world_.now, PathFindings{.dead = dead}})
                 .kernel;
  }
  // "GATEWAY LINK" of the ways, the preferred one first.
  std::vector<std::string> Ways() const {
    std::map<uint32_t, std::string> ways;
    for (const RouteFact& route : state_.routes) {
      if (route.table == kHostDefaultTable && route.gateway.has_value()) {
        EXPECT_TRUE(ways.emplace(route.metric,
                                 absl::StrCat(route.gateway->ToString(), " ", ToInt(route.link)))
                        .second);
      }
    }
    std::vector<std::string> in_order;
    in_order.reserve(ways.size());
    for (const auto& [metric, way] : ways) {
      in_order.push_back(way);
    }
    return in_order;
  }
  // "PRIORITY TABLE" of the rules of the family.
  std::vector<std::string> Rules(int family) const {
    std::vector<std::string> rules;
    for (const RuleFact& rule : state_.rules) {
      if (rule.family == family && rule.priority >= kRulePriorityHostDefault) {
        EXPECT_FALSE(rule.from.has_value());
        EXPECT_EQ(rule.suppress_prefix_length.has_value(), rule.table == RT_TABLE_MAIN);
        rules.push_back(absl::StrCat(rule.priority, " ", rule.table));
      }
    }
    return rules;
  }

  DecideWorld world_{2};
  KernelState state_;
};

TEST_F(HostDefaultTest, ALivingGatewayNeedsNone) {
  AddMain(DecideWorld::Link(0), "198.51.100.254", 0);
  AddMain(DecideWorld::Link(1), "203.0.113.254", 200);
  Decide({{"n1", Ip("203.0.113.254")}});
  EXPECT_THAT(Ways(), IsEmpty()) << "the one that is dead is not in use";
  EXPECT_THAT(Rules(AF_INET), IsEmpty());
}

TEST_F(HostDefaultTest, TheNicsOtherGatewayComesFirstThenTheHostsOtherDefaults) {
  world_.config.groups[0].gateways = {Ip("198.51.100.254"), Ip("198.51.100.253")};
  AddMain(DecideWorld::Link(0), "198.51.100.254", 0);
  AddMain(DecideWorld::Link(1), "203.0.113.254", 200);
  AddMain(IfIndex{99}, "192.0.2.254", 300);
  Decide({{"n0", Ip("198.51.100.254")}});
  EXPECT_THAT(Ways(), ElementsAre("198.51.100.253 10", "203.0.113.254 11", "192.0.2.254 99"));
  EXPECT_THAT(Rules(AF_INET), ElementsAre("32764 254", "32765 5876"));
  EXPECT_THAT(Rules(AF_INET6), IsEmpty());
}

TEST_F(HostDefaultTest, ASecondDefaultOfTheNicItselfIsTakenOnce) {
  AddMain(DecideWorld::Link(0), "198.51.100.254", 0);
  AddMain(DecideWorld::Link(0), "198.51.100.253", 200);
  Decide({{"n0", Ip("198.51.100.254")}});
  EXPECT_THAT(Ways(), ElementsAre("198.51.100.253 10"));
}

TEST_F(HostDefaultTest, WithoutAnotherWayNothingIsChanged) {
  AddMain(DecideWorld::Link(0), "198.51.100.254", 0);
  AddMain(DecideWorld::Link(1), "203.0.113.254", 200);
  Decide({{"n0", Ip("198.51.100.254")}, {"n1", Ip("203.0.113.254")}});
  EXPECT_THAT(Ways(), IsEmpty());
  EXPECT_THAT(Rules(AF_INET), IsEmpty());
}

TEST_F(HostDefaultTest, AnotherNicsTroubleWithTheSameGatewayIsNone) {
  world_.config.groups[0].gateways = {Ip("198.51.100.254"), Ip("198.51.100.253")};
  AddMain(DecideWorld::Link(0), "198.51.100.254", 0);
  Decide({{"n1", Ip("198.51.100.254")}});
  EXPECT_THAT(Ways(), IsEmpty());
}

TEST_F(HostDefaultTest, ADefaultRouteThroughNoMemberIsNotOurs) {
  AddMain(IfIndex{99}, "192.0.2.254", 0);
  AddMain(DecideWorld::Link(0), "198.51.100.254", 100);
  world_.config.groups[0].gateways = {Ip("198.51.100.253")};
  Decide({{"n0", Ip("198.51.100.254")}});
  EXPECT_THAT(Ways(), IsEmpty());
}

TEST_F(HostDefaultTest, OneDeadHopOfSeveralIsLeftOut) {
  AddMain(DecideWorld::Link(1), "203.0.113.254", 0);
  AddMain(DecideWorld::Link(0), "198.51.100.254", 0);
  for (RouteFact& route : world_.facts.routes) {
    route.multipath = true;
  }
  Decide({{"n0", Ip("198.51.100.254")}});
  EXPECT_THAT(Ways(), ElementsAre("203.0.113.254 11"));
}

TEST_F(HostDefaultTest, Ipv6ReachesAGatewayOutsideOfTheSubnets) {
  world_.config.groups[0].gateways = {Ip("2001:db8::fe"), Ip("2001:db8:9::fe")};
  AddMain(DecideWorld::Link(0), "2001:db8::fe", 1024);
  Decide({{"n0", Ip("2001:db8::fe")}});
  EXPECT_THAT(Ways(), ElementsAre("2001:db8:9::fe 10"));
  const auto host_route = [&](const RouteFact& route) {
    return route.table == kHostDefaultTable && !route.gateway.has_value() &&
           route.destination == IpPrefix{Ip("2001:db8:9::fe"), 128};
  };
  EXPECT_EQ(std::count_if(state_.routes.begin(), state_.routes.end(), host_route), 1);
  EXPECT_THAT(Rules(AF_INET6), ElementsAre("32764 254", "32765 5876"));
}

TEST_F(HostDefaultTest, AGroupWithoutPolicyRulesGetsNone) {
  world_.config.groups[0].policy_rules = false;
  AddMain(DecideWorld::Link(0), "198.51.100.254", 0);
  AddMain(DecideWorld::Link(1), "203.0.113.254", 200);
  Decide({{"n0", Ip("198.51.100.254")}});
  EXPECT_THAT(Rules(AF_INET), IsEmpty());
}

}  // namespace
}  // namespace stronghost
