// What has to be done to the kernel, in which order, and what must not be.
#include "agent/act/kernel_diff.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "agent/base/ids.h"
#include "agent/netlink/canonical.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stronghost {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr IfIndex kEth0{2};
constexpr IfIndex kEth1{3};
constexpr IfIndex kGone{9};
constexpr uint8_t kStatic = RTPROT_STATIC;

IpPrefix Prefix(const std::string& text) {
  return *IpPrefix::Parse(text);
}
IpAddress Ip(const std::string& text) {
  return *IpAddress::Parse(text);
}

AddressFact Address(IfIndex link, const std::string& ip, uint32_t flags = 0) {
  return {.link = link, .ip = Prefix(ip), .flags = flags};
}

RouteFact Route(const std::string& destination, const std::string& gateway = "",
                uint8_t protocol = kRouteProtocol) {
  RouteFact route{
      .table = 5301, .destination = Prefix(destination), .link = kEth0, .protocol = protocol};
  if (!gateway.empty()) {
    route.gateway = Ip(gateway);
  }
  return route;
}

RuleFact Rule(const std::string& from, uint8_t protocol = kRouteProtocol) {
  return {.family = Ip(from).family(),
          .priority = kRulePriorityHome,
          .from = Prefix(from),
          .table = 5301,
          .protocol = protocol};
}

FilterEntry Filter(IfIndex link, int last_byte) {
  return {link, {{2, 0, 0x5e, 0x10, 0, static_cast<uint8_t>(last_byte)}}};
}

// Two NICs, nothing else.
Facts World() {
  Facts facts;
  facts.links[kEth0] = {.index = kEth0, .name = "eth0", .admin_up = true};
  facts.links[kEth1] = {.index = kEth1, .name = "eth1", .admin_up = true};
  return facts;
}

TEST(DiffKernel, NothingWantedNothingDone) {
  Facts facts = World();
  facts.addresses = {Address(kEth0, "198.51.100.1/24")};
  facts.routes = {Route("203.0.113.0/24", "", kStatic)};
  facts.rules = {Rule("198.51.100.1", kStatic)};
  facts.links[kEth0].ifgroup = 7;
  EXPECT_THAT(DiffKernel({}, facts, {Filter(kEth0, 1)}, {}), IsEmpty());
}

TEST(DiffKernel, MakesBeforeItBreaksAndDeletesInReverseOrder) {
  KernelState desired;
  desired.addresses = {Address(kEth0, "198.51.100.1/24")};
  desired.routes = {Route("198.51.100.0/24"), Route("0.0.0.0/0", "198.51.100.254")};
  desired.rules = {Rule("198.51.100.1")};
  desired.filters = {Filter(kEth0, 1)};
  desired.ifgroups = {{kEth0, kLinkGroup}};
  Facts facts = World();
  facts.addresses = {Address(kEth1, "203.0.113.1/24")};
  facts.routes = {Route("203.0.113.0/24"), Route("0.0.0.0/0", "203.0.113.254")};
  facts.routes[1].metric = 9;
  facts.rules = {Rule("203.0.113.1")};
  facts.links[kEth1].ifgroup = kLinkGroup;
  AgentState owned;
  owned.addresses = {{"eth1", Prefix("203.0.113.1/24")}};
  owned.filters = {Filter(kEth1, 2)};
  owned.ifgroups = {{{kEth1, "eth1"}, 4}};
  RouteFact link_route = desired.routes[0];
  link_route.scope = RT_SCOPE_LINK;
  EXPECT_THAT(
      DiffKernel(desired, facts, {Filter(kEth1, 2)}, owned),
      ElementsAre(KernelStep(SetIfGroup{kEth0, kLinkGroup}),
                  KernelStep(AddFilter{Filter(kEth0, 1)}),
                  KernelStep(AddAddress{desired.addresses[0]}), KernelStep(AddRoute{link_route}),
                  KernelStep(AddRoute{desired.routes[1]}), KernelStep(AddRule{desired.rules[0]}),
                  KernelStep(DeleteRule{facts.rules[0]}), KernelStep(DeleteRoute{facts.routes[1]}),
                  KernelStep(DeleteRoute{facts.routes[0]}),
                  KernelStep(DeleteAddress{facts.addresses[0], {}}),
                  KernelStep(DeleteFilter{Filter(kEth1, 2)}),
                  KernelStep(SetIfGroup{kEth1, 4, /*restore=*/true})));
}

TEST(DiffKernel, OthersAddressesFiltersAndGroupsStay) {
  Facts facts = World();
  facts.addresses = {Address(kEth0, "198.51.100.1/24"), Address(kEth1, "198.51.100.2/24")};
  facts.links[kEth0].ifgroup = 12;          // was set by somebody after the agent
  facts.links[kEth1].ifgroup = kLinkGroup;  // of this number, but not the agent's
  AgentState owned;
  owned.addresses = {{"eth0", Prefix("198.51.100.2/24")}};  // that one is on eth1
  owned.filters = {Filter(kEth0, 3)};                       // is no longer there
  owned.ifgroups = {{{kEth0, "eth0"}, 0}, {{kEth1, "renamed"}, 0}};
  EXPECT_THAT(DiffKernel({}, facts, {Filter(kEth0, 1)}, owned), IsEmpty());
}

TEST(DiffKernel, TheKernelsSpellingIsNoDifference) {
  KernelState desired;
  RouteFact wanted = Route("2001:db8::5/64");
  wanted.protocol = 0;
  desired.routes = {wanted, Route("198.51.100.0/24")};
  RuleFact all{.family = AF_INET, .priority = 5, .from = Prefix("198.51.100.1/0"), .table = 0};
  desired.rules = {all};
  desired.addresses = {Address(kEth0, "2001:db8::5/64", IFA_F_NODAD)};
  Facts facts = World();
  RouteFact echoed6 = Route("2001:db8::/64");
  echoed6.metric = 1024;
  echoed6.flags = RTNH_F_LINKDOWN;
  RouteFact echoed4 = Route("198.51.100.0/24");
  echoed4.scope = RT_SCOPE_LINK;
  facts.routes = {echoed6, echoed4};
  facts.rules = {{.family = AF_INET, .priority = 5, .table = RT_TABLE_MAIN, .protocol = 83}};
  facts.addresses = {Address(kEth0, "2001:db8::5/64", IFA_F_NODAD | IFA_F_PERMANENT)};
  EXPECT_THAT(DiffKernel(desired, facts, {}, {}), IsEmpty());
}

TEST(DiffKernel, WhateverItAddsBearsItsProtocol) {
  KernelState desired;
  desired.routes = {Route("203.0.113.0/24", "198.51.100.254", kStatic)};
  desired.rules = {Rule("198.51.100.1", 0)};
  const auto steps = DiffKernel(desired, World(), {}, {});
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(std::get<AddRoute>(steps[0]).route.protocol, kRouteProtocol);
  EXPECT_EQ(std::get<AddRule>(steps[1]).rule.protocol, kRouteProtocol);
}

TEST(DiffKernel, AnEqualRouteOrRuleOfSomebodyElsesWillDo) {
  KernelState desired;
  desired.routes = {Route("203.0.113.0/24", "198.51.100.254")};
  desired.rules = {Rule("198.51.100.1")};
  Facts facts = World();
  facts.routes = {Route("203.0.113.0/24", "198.51.100.254", kStatic)};
  facts.rules = {Rule("198.51.100.1", kStatic)};
  EXPECT_THAT(DiffKernel(desired, facts, {}, {}), IsEmpty());
  facts.rules.push_back(Rule("198.51.100.1"));
  EXPECT_THAT(DiffKernel(desired, facts, {}, {}), IsEmpty()) << "or the last one may vanish";
}

TEST(DiffKernel, AnotherGatewayReplacesInOneStep) {
  for (const auto& [destination, old_gateway, new_gateway] :
       {std::tuple{"0.0.0.0/0", "198.51.100.253", "198.51.100.254"},
        std::tuple{"::/0", "2001:db8::fd", "2001:db8::fe"}}) {
    KernelState desired;
    desired.routes = {Route(destination, new_gateway)};
    Facts facts = World();
    facts.routes = {CanonicalRoute(Route(destination, old_gateway))};
    EXPECT_THAT(DiffKernel(desired, facts, {}, {}),
                ElementsAre(KernelStep(AddRoute{CanonicalRoute(desired.routes[0]), true})));
    facts.routes[0].protocol = kStatic;
    EXPECT_THAT(DiffKernel(desired, facts, {}, {}),
                ElementsAre(KernelStep(AddRoute{CanonicalRoute(desired.routes[0]), false})))
        << "never in place of somebody else's";
  }
}

TEST(DiffKernel, ARouteThatWentBackIsDeletedWhereItLedMeanwhile) {
  RouteFact lent = CanonicalRoute(Route("0.0.0.0/0", "198.51.100.254", kStatic));
  lent.table = RT_TABLE_MAIN;
  lent.link = kEth1;
  RouteFact own = lent;
  own.metric = lent.metric + 100;
  RouteFact back = lent;
  back.link = kEth0;
  Facts facts = World();
  facts.routes = {lent, own};
  KernelState desired;
  desired.returned_routes = {lent};
  EXPECT_THAT(DiffKernel(desired, facts, {}, {}), ElementsAre(KernelStep(DeleteRoute{lent})));
  // The kernel has one of each destination and metric: this is one step, not a gap.
  desired.restored_routes = {back};
  EXPECT_THAT(DiffKernel(desired, facts, {}, {}),
              ElementsAre(KernelStep(AddRoute{back, /*replace=*/true})));
  // Wanted there again meanwhile.
  desired.restored_routes.clear();
  desired.routes = {lent};
  EXPECT_THAT(DiffKernel(desired, facts, {}, {}), IsEmpty());
}

TEST(DiffKernel, OfEqualRulesOneStays) {
  KernelState desired;
  desired.rules = {Rule("198.51.100.1")};
  Facts facts = World();
  facts.rules = {Rule("198.51.100.1"), Rule("198.51.100.1"), Rule("198.51.100.1")};
  EXPECT_EQ(DiffKernel(desired, facts, {}, {}).size(), 2U);
  EXPECT_EQ(DiffKernel({}, facts, {}, {}).size(), 3U);
}

TEST(DiffKernel, WantsNothingOfALinkThatIsGone) {
  KernelState desired;
  desired.addresses = {Address(kGone, "198.51.100.1/24")};
  desired.routes = {Route("203.0.113.0/24")};
  desired.routes[0].link = kGone;
  desired.filters = {Filter(kGone, 1)};
  desired.ifgroups = {{kGone, kLinkGroup}};
  EXPECT_THAT(DiffKernel(desired, World(), {}, {}), IsEmpty());
}

TEST(DiffKernel, AMovedAddressIsAddedBeforeItIsDeleted) {
  KernelState desired;
  desired.addresses = {Address(kEth1, "198.51.100.1/24")};
  Facts facts = World();
  facts.addresses = {Address(kEth0, "198.51.100.1/24")};
  AgentState owned;
  owned.addresses = {{"eth0", Prefix("198.51.100.1/24")}, {"eth1", Prefix("198.51.100.1/24")}};
  EXPECT_THAT(DiffKernel(desired, facts, {}, owned),
              ElementsAre(KernelStep(AddAddress{desired.addresses[0]}),
                          KernelStep(DeleteAddress{facts.addresses[0], {}})));
}

TEST(DiffKernel, WhatMovedAwayGoesWhenTheKernelAcceptsPacketsForItThere) {
  const KernelState desired{.left = {{kEth0, Ip("2001:db8::1"), kEth1}}};
  const AddressFact left = Address(kEth0, "2001:db8::1/64");
  const std::vector<std::pair<uint32_t, bool>> rows = {{IFA_F_NODAD, true},
                                                       {IFA_F_TENTATIVE, false},
                                                       {IFA_F_TENTATIVE | IFA_F_OPTIMISTIC, true},
                                                       {IFA_F_DADFAILED | IFA_F_OPTIMISTIC, false}};
  for (const auto& [flags, goes] : rows) {
    Facts facts = World();
    facts.addresses = {left, Address(kEth1, "2001:db8::1/64", flags)};
    std::vector<KernelStep> expected;
    if (goes) {
      expected.emplace_back(DeleteAddress{left, {}});
    }
    EXPECT_EQ(DiffKernel(desired, facts, {}, {}), expected) << flags;
  }
}

TEST(DiffKernel, SecondariesAreRestoredWhenTheirPrimaryGoes) {
  Facts facts = World();
  const AddressFact primary = Address(kEth0, "198.51.100.1/24");
  const AddressFact secondary = Address(kEth0, "198.51.100.2/24", IFA_F_SECONDARY);
  facts.addresses = {primary, secondary, Address(kEth0, "198.51.100.3/24", IFA_F_SECONDARY),
                     Address(kEth0, "203.0.113.1/24"), Address(kEth1, "198.51.100.4/24")};
  KernelState desired;
  desired.addresses = {Address(kEth0, "198.51.100.5/24")};
  AgentState owned;
  owned.addresses = {{"eth0", primary.ip}, {"eth0", Prefix("198.51.100.3/24")}};
  EXPECT_THAT(DiffKernel(desired, facts, {}, owned),
              ElementsAre(KernelStep(AddAddress{desired.addresses[0]}),
                          KernelStep(DeleteAddress{facts.addresses[2], {}}),
                          KernelStep(DeleteAddress{primary, {secondary, desired.addresses[0]}})));
}

// The kernel tells subnets by the other end: two addresses with one gateway are one subnet.
TEST(DiffKernel, SecondariesOfOnePeerAreRestoredWhenTheirPrimaryGoes) {
  Facts facts = World();
  AddressFact primary = Address(kEth0, "203.0.113.1/32");
  AddressFact secondary = Address(kEth0, "203.0.113.2/32", IFA_F_SECONDARY);
  AddressFact other = Address(kEth0, "203.0.113.3/32", IFA_F_SECONDARY);
  primary.peer = secondary.peer = Ip("192.0.2.254");
  other.peer = Ip("192.0.2.253");
  facts.addresses = {primary, secondary, other};
  AgentState owned;
  owned.addresses = {{"eth0", primary.ip}};
  EXPECT_THAT(DiffKernel({}, facts, {}, owned),
              ElementsAre(KernelStep(DeleteAddress{primary, {secondary}})));
}

TEST(DiffKernel, AnotherPrefixLength) {
  KernelState desired;
  desired.addresses = {Address(kEth0, "2001:db8::1/128"), Address(kEth0, "198.51.100.1/32")};
  Facts facts = World();
  facts.addresses = {Address(kEth0, "2001:db8::1/64"), Address(kEth0, "198.51.100.1/24")};
  EXPECT_THAT(DiffKernel(desired, facts, {}, {}),
              ElementsAre(KernelStep(AddAddress{desired.addresses[1]})))
      << "an adopted IPv6 address is left as it is";
  AgentState owned;
  owned.addresses = {{"eth0", facts.addresses[0].ip}, {"eth0", facts.addresses[1].ip}};
  EXPECT_THAT(DiffKernel(desired, facts, {}, owned),
              ElementsAre(KernelStep(DeleteAddress{facts.addresses[0], {}}),
                          KernelStep(AddAddress{desired.addresses[0]}),
                          KernelStep(AddAddress{desired.addresses[1]}),
                          KernelStep(DeleteAddress{facts.addresses[1], {}})));
}

// A kernel of the test's own: takes the steps, keeps its spelling, notes who owns what.
struct FakeKernel {
  Facts facts = World();
  std::vector<FilterEntry> filters;
  AgentState owned;

  template <typename T>
  static void Erase(std::vector<T>& values, const T& value) {
    const auto found = std::find(values.begin(), values.end(), value);
    ASSERT_NE(found, values.end()) << "deletes what is not there";
    values.erase(found);
  }
  AddedAddress Id(const AddressFact& address) {
    return {facts.links.at(address.link).name, address.ip};
  }
  void operator()(const AddAddress& step) {
    facts.addresses.push_back(step.address);
    facts.addresses.back().flags |= IFA_F_PERMANENT;
    owned.addresses.insert(Id(step.address));
  }
  void operator()(const DeleteAddress& step) {
    ASSERT_TRUE(owned.addresses.erase(Id(step.address)));
    Erase(facts.addresses, step.address);
  }
  void operator()(const AddRoute& step) {
    if (step.replace) {
      const auto same_key = [&](const RouteFact& route) {
        return route.table == step.route.table && route.metric == step.route.metric &&
               route.destination == step.route.destination;
      };
      const auto old = std::find_if(facts.routes.begin(), facts.routes.end(), same_key);
      ASSERT_NE(old, facts.routes.end());
      ASSERT_EQ(old->protocol, kRouteProtocol);
      facts.routes.erase(old);
    }
    facts.routes.push_back(CanonicalRoute(step.route));
  }
  void operator()(const DeleteRoute& step) {
    ASSERT_EQ(step.route.protocol, kRouteProtocol);
    Erase(facts.routes, step.route);
  }
  void operator()(const AddRule& step) { facts.rules.push_back(CanonicalRule(step.rule)); }
  void operator()(const DeleteRule& step) {
    ASSERT_EQ(step.rule.protocol, kRouteProtocol);
    Erase(facts.rules, step.rule);
  }
  void operator()(const AddFilter& step) {
    filters.push_back(step.filter);
    owned.filters.insert(step.filter);
  }
  void operator()(const DeleteFilter& step) {
    ASSERT_TRUE(owned.filters.erase(step.filter));
    Erase(filters, step.filter);
  }
  void operator()(const SetIfGroup& step) {
    LinkFact& link = facts.links.at(step.link);
    if (step.restore) {
      owned.ifgroups.erase({link.index, link.name});
    } else {
      owned.ifgroups.insert({{link.index, link.name}, link.ifgroup});
    }
    link.ifgroup = step.group;
  }
};

KernelState RandomState(std::mt19937& random) {
  KernelState state;
  const auto below = [&random](int end) { return static_cast<int>(random() % unsigned(end)); };
  for (int i = below(6); i > 0; --i) {
    const IfIndex link = below(2) == 0 ? kEth0 : kEth1;
    const std::string v4 = absl::StrCat("198.51.100.", below(4));
    const std::string v6 = absl::StrCat("2001:db8::", below(4));
    state.addresses.push_back(Address(link, v4 + "/24"));
    state.addresses.push_back(Address(link, absl::StrCat(v6, "/", below(2) == 0 ? 64 : 128)));
    state.routes.push_back(Route("0.0.0.0/0", absl::StrCat("198.51.100.", 250 + below(3))));
    state.routes.push_back(Route(v6 + "/64", absl::StrCat("fe80::", below(3))));
    state.rules.push_back(Rule(below(2) == 0 ? v4 : v6));
    state.filters.push_back(Filter(link, below(4)));
    state.ifgroups[link] = kLinkGroup;
  }
  // One of a key, as decide makes them.
  absl::btree_set<std::pair<IfIndex, IpAddress>> seen;
  std::erase_if(state.addresses, [&](const AddressFact& address) {
    return !seen.insert({address.link, address.ip.address}).second;
  });
  absl::btree_set<IpPrefix> destinations;
  std::erase_if(state.routes, [&](const RouteFact& route) {
    return !destinations.insert(route.destination.Network()).second;
  });
  return state;
}

TEST(DiffKernel, AppliedItLeavesNoDifferenceAndInTheEndNoTrace) {
  std::mt19937 random(5301);
  for (int round = 0; round < 300; ++round) {
    FakeKernel kernel;
    kernel.facts.links[kEth1].ifgroup = 3;
    kernel.facts.addresses = {Address(kEth0, "203.0.113.9/24")};
    kernel.facts.routes = {Route("192.0.2.0/24", "", kStatic)};
    kernel.facts.rules = {Rule("203.0.113.9", kStatic)};
    kernel.filters = {Filter(kEth1, 99)};
    const FakeKernel before = kernel;
    for (int change = 0; change < 5; ++change) {
      const KernelState desired = change < 4 ? RandomState(random) : KernelState{};
      for (const KernelStep& step :
           DiffKernel(desired, kernel.facts, kernel.filters, kernel.owned)) {
        std::visit(kernel, step);
      }
      ASSERT_THAT(DiffKernel(desired, kernel.facts, kernel.filters, kernel.owned), IsEmpty());
    }
    ASSERT_TRUE(kernel.owned.IsEmpty());
    ASSERT_EQ(kernel.facts.links, before.facts.links);
    ASSERT_EQ(kernel.facts.addresses, before.facts.addresses);
    ASSERT_EQ(kernel.facts.routes, before.facts.routes);
    ASSERT_EQ(kernel.facts.rules, before.facts.rules);
    ASSERT_EQ(kernel.filters, before.filters);
  }
}

TEST(Describe, NamesOperationAndObject) {
  const Facts facts = World();
  EXPECT_EQ(Describe(AddAddress{Address(kEth0, "198.51.100.1/24")}, facts),
            "add address 198.51.100.1/24 to eth0");
  EXPECT_EQ(Describe(AddRoute{Route("0.0.0.0/0", "198.51.100.254"), true}, facts),
            "replace route 0.0.0.0/0 via 198.51.100.254 dev eth0 table 5301");
  EXPECT_EQ(Describe(DeleteRule{Rule("198.51.100.1")}, facts),
            "delete rule 5301: from 198.51.100.1/32 table 5301");
  EXPECT_EQ(Describe(AddFilter{Filter(kGone, 1)}, facts),
            "let link 9 accept frames to 02:00:5e:10:00:01");
}

}  // namespace
}  // namespace stronghost
