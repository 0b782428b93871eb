// Marks by which routing chooses a source: tables and rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "agent/base/ids.h"
#include "tests/unit/decide_world.h"

namespace stronghost {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

IpAddress Ip(const std::string& text) {
  return *IpAddress::Parse(text);
}

bool IsMarkTable(uint32_t table) {
  return table >= kMarkTableBase && table < kMarkTableBase + kMarkTables;
}

class MarkWorld : public DecideWorld {
 public:
  MarkWorld() : DecideWorld(2) {
    config.groups[0].gateways = {Ip("2001:db8::fe")};
    config.reply_mark = 0x53480000;
  }

  // Makes the decision's routes true.
  void ApplyRoutes() { facts.routes = decision.kernel.routes; }
  uint32_t MarkOf(const std::string& ip) const { return decision.reply_marks.at(Ip(ip)); }
  // The table that a mark leads to.
  uint32_t TableOf(uint32_t mark, int family) const {
    for (const RuleFact& rule : decision.kernel.rules) {
      if (rule.family == family && rule.mark_mask == 0xffffffff && rule.mark == mark) {
        return rule.table;
      }
    }
    return 0;
  }
  std::vector<RouteFact> RoutesIn(uint32_t table) const {
    std::vector<RouteFact> routes;
    std::copy_if(decision.kernel.routes.begin(), decision.kernel.routes.end(),
                 std::back_inserter(routes),
                 [table](const RouteFact& route) { return route.table == table; });
    return routes;
  }
  bool AnyMarked() const {
    return std::any_of(decision.kernel.rules.begin(), decision.kernel.rules.end(),
                       [](const RuleFact& rule) { return rule.mark_mask != 0; }) ||
           std::any_of(decision.kernel.routes.begin(), decision.kernel.routes.end(),
                       [](const RouteFact& route) { return IsMarkTable(route.table); });
  }
};

TEST(ReplyMarks, OfIpv4LeadToTheSourceAlone) {
  MarkWorld world;
  world.AddAddress(0, "198.51.100.1/24");
  world.AddAddress(1, "198.51.100.2/24");
  world.Decide();
  EXPECT_NE(world.MarkOf("198.51.100.1"), world.MarkOf("198.51.100.2"));
  for (int i = 0; i < 2; ++i) {
    const std::string ip = absl::StrCat("198.51.100.", i + 1);
    EXPECT_EQ(world.MarkOf(ip) & ~kMarkNumberBits, 0x53480000U);
    const uint32_t table = world.TableOf(world.MarkOf(ip), AF_INET);
    EXPECT_TRUE(IsMarkTable(table));
    EXPECT_THAT(world.RoutesIn(table), ElementsAre(RouteFact{.table = table,
                                                             .destination = {IpAddress::V4(0), 0},
                                                             .source = Ip(ip),
                                                             .link = DecideWorld::Link(i),
                                                             .protocol = kRouteProtocol,
                                                             .scope = RT_SCOPE_LINK}));
  }
  for (const RuleFact& rule : world.decision.kernel.rules) {
    if (rule.mark_mask != 0) {  // what has a source is never led there
      EXPECT_EQ(rule.from, (IpPrefix{IpAddress::V4(0), 32}));
      EXPECT_GT(rule.priority, kRulePriorityPrefix);
    }
  }
}

TEST(ReplyMarks, OfIpv6LeadToTheRoutesOfTheHome) {
  MarkWorld world;
  world.AddAddress(0, "2001:db8::1/64");
  world.AddAddress(1, "2001:db8::2/64");
  world.Decide();
  const uint32_t table = world.TableOf(world.MarkOf("2001:db8::2"), AF_INET6);
  std::vector<RouteFact> home = world.RoutesIn(kTableBase + ToInt(world.HomeOf(1)));
  EXPECT_EQ(home.size(), 2U);  // its subnet, its gateway
  for (RouteFact& route : home) {
    route.table = table;
    route.source = Ip("2001:db8::2");
  }
  EXPECT_THAT(world.RoutesIn(table), ::testing::UnorderedElementsAreArray(home));
  EXPECT_THAT(world.decision.kernel.rules, Contains(RuleFact{.family = AF_INET6,
                                                             .priority = kRulePriorityMark,
                                                             .table = RT_TABLE_MAIN,
                                                             .suppress_prefix_length = 0,
                                                             .suppress_ifgroup = kLinkGroup,
                                                             .mark = 0x53480000,
                                                             .mark_mask = 0xffffff00,
                                                             .protocol = kRouteProtocol}))
      << "containers come first";
}

TEST(ReplyMarks, OfAnAddressWithAGatewayOfItsOwnUseThat) {
  MarkWorld world;
  world.config.groups[0].addresses = {
      {.ip = *IpPrefix::Parse("2001:db8::9/64"), .home = "n0", .gateways = {Ip("2001:db8::fd")}}};
  world.Decide();
  world.Apply();
  world.Decide();
  const uint32_t table = world.TableOf(world.MarkOf("2001:db8::9"), AF_INET6);
  EXPECT_THAT(world.RoutesIn(table),
              Contains(::testing::Field(&RouteFact::gateway, Ip("2001:db8::fd"))));
}

TEST(ReplyMarks, StayWithTheirAddresses) {
  MarkWorld world;
  world.AddAddress(0, "198.51.100.1/24");
  world.AddAddress(1, "198.51.100.2/24");
  world.Decide();
  const uint32_t second = world.MarkOf("198.51.100.2");
  world.ApplyRoutes();
  std::erase_if(world.facts.addresses,
                [](const AddressFact& fact) { return fact.ip.address == Ip("198.51.100.1"); });
  world.AddAddress(0, "198.51.100.0/24");  // before the other
  world.Decide();
  EXPECT_EQ(world.MarkOf("198.51.100.2"), second);
  EXPECT_NE(world.MarkOf("198.51.100.0"), second);
}

TEST(ReplyMarks, AreForAddressesThatTheKernelTakesAsASource) {
  MarkWorld world;
  world.AddAddress(0, "fe80::1/64");
  world.AddAddress(0, "2001:db8::1/64");
  world.AddAddress(0, "2001:db8::2/64");
  world.facts.addresses.back().flags = IFA_F_TENTATIVE;
  world.Decide();
  EXPECT_THAT(world.decision.reply_marks, ElementsAre(::testing::Key(Ip("2001:db8::1"))));
}

TEST(ReplyMarks, AreNotWhereNobodyUsesThem) {
  for (int variant = 0; variant < 3; ++variant) {
    MarkWorld world;
    world.AddAddress(0, "198.51.100.1/24");
    world.AddAddress(0, "2001:db8::1/64");
    if (variant == 0) {
      world.config.cgroup = "";
    } else if (variant == 1) {
      world.config.reply_mark = 0;
    } else {
      world.config.groups[0].policy_rules = false;
    }
    world.Decide();
    EXPECT_THAT(world.decision.reply_marks, IsEmpty()) << variant;
    EXPECT_FALSE(world.AnyMarked()) << variant;
  }
}

TEST(ReplyMarks, HaveALimitThatIsTold) {
  MarkWorld world;
  for (uint32_t i = 0; i < kMarkTables; ++i) {
    world.AddAddress(0, absl::StrCat("198.51.100.", i + 1, "/24"));
  }
  world.Decide();
  EXPECT_EQ(world.decision.reply_marks.size(), size_t{kMarkTables});
  EXPECT_THAT(world.decision.problems, Not(Contains(HasSubstr("have no mark"))));
  world.AddAddress(1, "198.51.100.200/24");
  world.Decide();
  EXPECT_EQ(world.decision.reply_marks.size(), size_t{kMarkTables});
  EXPECT_THAT(world.decision.problems, Contains(HasSubstr("1 of 65 IPv4 addresses have no mark")));
}

}  // namespace
}  // namespace stronghost
