// A snapshot kept current by events.
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "agent/netlink/build.h"
#include "agent/observe/facts_events.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stronghost {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr IfIndex kEth0{2};
constexpr IfIndex kEth1{3};

IpPrefix Prefix(const char* text) {
  return *IpPrefix::Parse(text);
}

LinkFact Link(IfIndex index, const char* name, bool admin_up = true) {
  return {.index = index,
          .name = name,
          .admin_up = admin_up,
          .carrier = true,
          .mtu = 1500,
          .driver = "veth"};
}

AddressFact Address(IfIndex link, const char* text) {
  return {.link = link, .ip = Prefix(text)};
}

RouteFact Route(IfIndex link, const char* destination, const char* source = nullptr) {
  RouteFact route{.table = RT_TABLE_MAIN, .destination = Prefix(destination), .link = link};
  route.metric = route.destination.address.IsV6() ? 1024 : 0;
  if (source != nullptr) {
    route.source = *IpAddress::Parse(source);
  }
  return route;
}

// Two NICs with a subnet each.
Facts World() {
  Facts facts;
  facts.links = {{kEth0, Link(kEth0, "eth0")}, {kEth1, Link(kEth1, "eth1")}};
  facts.addresses = {Address(kEth0, "198.51.100.1/24"), Address(kEth1, "203.0.113.1/24"),
                     Address(kEth0, "2001:db8::1/64")};
  facts.routes = {Route(kEth0, "198.51.100.0/24", "198.51.100.1"),
                  Route(kEth1, "203.0.113.0/24", "203.0.113.1"), Route(kEth0, "2001:db8::/64")};
  facts.rules = {{.family = AF_INET, .priority = 32766, .table = RT_TABLE_MAIN}};
  return facts;
}

TEST(ApplyEvent, SaysWhetherALinkChanged) {
  Facts facts = World();
  LinkFact link = Link(kEth0, "eth0");
  EXPECT_FALSE(ApplyEvent(facts, LinkChanged{link}));
  link.carrier = false;
  EXPECT_TRUE(ApplyEvent(facts, LinkChanged{link}));
  EXPECT_FALSE(facts.links[kEth0].carrier);
  EXPECT_THAT(facts.routes, SizeIs(3)) << "carrier loss removes no route";
}

TEST(ApplyEvent, AnEventWithoutDriverKeepsTheKnownOne) {
  Facts facts = World();
  LinkFact link = Link(kEth0, "eth0");
  link.driver = "";
  EXPECT_FALSE(ApplyEvent(facts, LinkChanged{link}));
  EXPECT_EQ(facts.links[kEth0].driver, "veth");
}

TEST(ApplyEvent, ADownLinkHasNoRoutes) {
  Facts facts = World();
  EXPECT_TRUE(ApplyEvent(facts, LinkChanged{Link(kEth0, "eth0", /*admin_up=*/false)}));
  EXPECT_THAT(facts.routes, ElementsAre(Route(kEth1, "203.0.113.0/24", "203.0.113.1")));
  EXPECT_THAT(facts.addresses, SizeIs(3)) << "IPv6 addresses are announced one by one";
}

TEST(ApplyEvent, ARouteWithSeveralHopsLivesWhileOneOfThemDoes) {
  Facts facts = World();
  for (const IfIndex link : {kEth0, kEth1}) {
    RouteFact hop = Route(link, "192.0.2.0/24");
    hop.multipath = true;
    facts.routes.push_back(hop);
  }
  Facts gone = facts;
  EXPECT_TRUE(ApplyEvent(facts, LinkChanged{Link(kEth0, "eth0", /*admin_up=*/false)}));
  EXPECT_THAT(facts.routes, SizeIs(3)) << "with eth1's subnet and both hops";
  EXPECT_TRUE(ApplyEvent(facts, LinkChanged{Link(kEth1, "eth1", /*admin_up=*/false)}));
  EXPECT_THAT(facts.routes, IsEmpty());
  EXPECT_TRUE(ApplyEvent(gone, LinkGone{kEth0}));
  EXPECT_THAT(gone.routes, SizeIs(1)) << "an IPv4 route goes with the first of its links";
}

TEST(ApplyEvent, NothingIsLeftOfALinkThatIsGone) {
  Facts facts = World();
  facts.multicast[kEth0] = {};
  EXPECT_TRUE(ApplyEvent(facts, LinkGone{kEth0}));
  EXPECT_THAT(facts.links, SizeIs(1));
  EXPECT_THAT(facts.addresses, ElementsAre(Address(kEth1, "203.0.113.1/24")));
  EXPECT_THAT(facts.routes, SizeIs(1));
  EXPECT_THAT(facts.multicast, IsEmpty());
  EXPECT_FALSE(ApplyEvent(facts, LinkGone{kEth0}));
}

TEST(ApplyEvent, AddressesAreKnownByLinkAndPrefix) {
  Facts facts = World();
  AddressFact address = Address(kEth0, "2001:db8::1/64");
  EXPECT_FALSE(ApplyEvent(facts, AddressChanged{address}));
  address.flags = IFA_F_TENTATIVE;
  EXPECT_TRUE(ApplyEvent(facts, AddressChanged{address}));
  EXPECT_THAT(facts.addresses, SizeIs(3));
  EXPECT_TRUE(ApplyEvent(facts, AddressChanged{Address(kEth1, "2001:db8::1/64")}));
  EXPECT_THAT(facts.addresses, SizeIs(4));
  EXPECT_TRUE(ApplyEvent(facts, AddressGone{Address(kEth0, "2001:db8::1/64")}));
  EXPECT_FALSE(ApplyEvent(facts, AddressGone{Address(kEth0, "2001:db8::1/64")}));
  EXPECT_THAT(facts.addresses, SizeIs(3));
}

TEST(ApplyEvent, RoutesGoWithTheirSourceUnlessAnotherLinkHasIt) {
  Facts facts = World();
  facts.addresses.push_back(Address(kEth0, "198.51.100.9/24"));
  facts.routes.push_back(Route(kEth1, "192.0.2.0/24", "198.51.100.1"));
  Facts moved = facts;
  EXPECT_TRUE(ApplyEvent(facts, AddressGone{Address(kEth0, "198.51.100.1/24")}));
  EXPECT_THAT(facts.routes, ElementsAre(Route(kEth1, "203.0.113.0/24", "203.0.113.1"),
                                        Route(kEth0, "2001:db8::/64")));
  EXPECT_TRUE(ApplyEvent(moved, AddressChanged{Address(kEth1, "198.51.100.1/24")}));
  EXPECT_TRUE(ApplyEvent(moved, AddressGone{Address(kEth0, "198.51.100.1/24")}));
  EXPECT_THAT(moved.routes, SizeIs(4));
}

TEST(ApplyEvent, IPv4RoutesGoWithTheLastIPv4AddressOfTheirLink) {
  Facts facts = World();
  facts.routes.push_back(Route(kEth0, "192.0.2.0/24"));
  EXPECT_TRUE(ApplyEvent(facts, AddressGone{Address(kEth0, "198.51.100.1/24")}));
  EXPECT_THAT(facts.routes, ElementsAre(Route(kEth1, "203.0.113.0/24", "203.0.113.1"),
                                        Route(kEth0, "2001:db8::/64")));
}

TEST(ApplyEvent, ARouteIsAddedOnceAndReplacedByKey) {
  Facts facts = World();
  RouteFact route = Route(kEth0, "0.0.0.0/0");
  route.gateway = *IpAddress::Parse("198.51.100.254");
  EXPECT_TRUE(ApplyEvent(facts, RouteChanged{route}));
  EXPECT_FALSE(ApplyEvent(facts, RouteChanged{route, /*replaces=*/true}));
  RouteFact without_carrier = route;
  without_carrier.flags = RTNH_F_LINKDOWN;
  EXPECT_FALSE(ApplyEvent(facts, RouteChanged{without_carrier}));
  RouteFact other_metric = route;
  other_metric.metric = 5;
  EXPECT_TRUE(ApplyEvent(facts, RouteChanged{other_metric}));
  EXPECT_THAT(facts.routes, SizeIs(5));
  RouteFact successor = route;
  successor.gateway = *IpAddress::Parse("198.51.100.253");
  EXPECT_TRUE(ApplyEvent(facts, RouteChanged{successor, /*replaces=*/true}));
  EXPECT_THAT(facts.routes, SizeIs(5));
  EXPECT_THAT(facts.routes, testing::Contains(successor));
  EXPECT_FALSE(ApplyEvent(facts, RouteGone{route}));
  EXPECT_TRUE(ApplyEvent(facts, RouteGone{successor}));
  EXPECT_THAT(facts.routes, SizeIs(4));
}

// A router that advertises another preference sends the same route again.
TEST(ApplyEvent, AnotherPreferenceOfARouteIsAChange) {
  Facts facts = World();
  RouteFact route = Route(kEth0, "2001:db8:5::/48", "fe80::1");
  route.protocol = RTPROT_RA;
  EXPECT_TRUE(IsWatchedRoute(route)) << "a route information option";
  EXPECT_TRUE(ApplyEvent(facts, RouteChanged{route}));
  EXPECT_FALSE(ApplyEvent(facts, RouteChanged{route}));
  route.preference = -1;
  EXPECT_TRUE(ApplyEvent(facts, RouteChanged{route}));
  EXPECT_THAT(facts.routes, testing::Contains(route));
}

// What is left out of the facts may still take the place of something in them.
TEST(ApplyEvent, ARouteBeyondAGatewayReplacesAnOnLinkOne) {
  Facts facts = World();
  RouteFact beyond = Route(kEth1, "198.51.100.0/24");
  beyond.gateway = *IpAddress::Parse("203.0.113.254");
  std::vector<KernelEvent> events;
  DecodeEvent(AddRouteRequest(beyond, RouteChange::kAdd).header(), events);
  EXPECT_THAT(events, IsEmpty());
  EXPECT_TRUE(ApplyEvent(facts, RouteChanged{beyond, /*replaces=*/true}));
  EXPECT_THAT(facts.routes, SizeIs(2));
}

TEST(ApplyEvent, RulesComeAndGo) {
  Facts facts = World();
  const RuleFact rule{
      .family = AF_INET6, .priority = 5301, .from = Prefix("2001:db8::1"), .table = 5301};
  EXPECT_TRUE(ApplyEvent(facts, RuleChanged{rule}));
  EXPECT_FALSE(ApplyEvent(facts, RuleChanged{rule}));
  EXPECT_THAT(facts.rules, SizeIs(2));
  EXPECT_TRUE(ApplyEvent(facts, RuleGone{rule}));
  EXPECT_FALSE(ApplyEvent(facts, RuleGone{rule}));
}

TEST(ApplyEvent, ResyncAsksForASnapshotAndTouchesNothing) {
  Facts facts = World();
  const Facts before = facts;
  EXPECT_TRUE(ApplyEvent(facts, Resync{}));
  EXPECT_EQ(facts.links, before.links);
  EXPECT_EQ(facts.addresses, before.addresses);
  EXPECT_EQ(facts.routes, before.routes);
  EXPECT_EQ(facts.rules, before.rules);
}

// The kernel takes it off without a word.
TEST(ApplyEvent, AnIpv6AddressThatGoesIsNoRoutesSourceAnyMore) {
  Facts facts;
  const AddressFact address{.link = kEth0, .ip = *IpPrefix::Parse("2001:db8::1/64")};
  facts.addresses = {address};
  facts.routes = {Route(kEth0, "2001:db8::/64"), Route(IfIndex{99}, "2001:db8::/64")};
  for (RouteFact& route : facts.routes) {
    route.source = address.ip.address;
  }
  EXPECT_TRUE(ApplyEvent(facts, AddressGone{address}));
  ASSERT_EQ(facts.routes.size(), 2U);
  EXPECT_EQ(facts.routes[0].source, std::nullopt);
  EXPECT_EQ(facts.routes[1].source, address.ip.address) << "through another NIC";
}

// Linux 6.12 takes it off only where no NIC of the host has the address any more: what it tells of
// the route later has the source that was forgotten here.
TEST(ApplyEvent, AnIpv6RouteIsTheSameWithAndWithoutItsSource) {
  Facts facts;
  const AddressFact address{.link = kEth0, .ip = *IpPrefix::Parse("2001:db8::1/64")};
  const RouteFact route = Route(kEth0, "2001:db8:1::/64", "2001:db8::1");
  facts.addresses = {address};
  facts.routes = {route};
  EXPECT_TRUE(ApplyEvent(facts, AddressGone{address}));
  EXPECT_TRUE(ApplyEvent(facts, RouteGone{route}));
  EXPECT_THAT(facts.routes, IsEmpty());

  facts.routes = {Route(kEth0, "2001:db8:1::/64")};
  EXPECT_TRUE(ApplyEvent(facts, RouteChanged{route})) << "it has a source now";
  EXPECT_FALSE(ApplyEvent(facts, RouteChanged{route}));
  EXPECT_THAT(facts.routes, ElementsAre(route));
}

// IPv4 ones are told apart by it.
TEST(ApplyEvent, AnIpv4RouteWithAnotherSourceIsAnotherRoute) {
  Facts facts = World();
  EXPECT_FALSE(ApplyEvent(facts, RouteGone{Route(kEth0, "198.51.100.0/24", "198.51.100.7")}));
  EXPECT_TRUE(ApplyEvent(facts, RouteChanged{Route(kEth0, "198.51.100.0/24", "198.51.100.7")}));
  EXPECT_THAT(facts.routes, SizeIs(4));
}

TEST(DecodeEvent, RoutesOfTheWatchedTablesOnly) {
  RouteFact route = Route(kEth0, "203.0.113.0/24");
  for (const auto& [table, watched] : {std::pair{254U, true},
                                       {255U, false},
                                       {5300U, false},
                                       {5301U, true},
                                       {5555U, true},
                                       {5556U, true},
                                       {5811U, true},
                                       {5812U, true},
                                       {5875U, true},
                                       {5876U, true},
                                       {5877U, false},
                                       {1000U, false}}) {
    route.table = table;
    std::vector<KernelEvent> events;
    DecodeEvent(AddRouteRequest(route, RouteChange::kAdd).header(), events);
    EXPECT_EQ(!events.empty(), watched) << table;
  }
}

TEST(DecodeEvent, OnlyTheFirstHopOfAMultipathRouteReplaces) {
  NetlinkMessage message(RTM_NEWROUTE, NLM_F_REPLACE);
  auto& header = message.AddHeader<rtmsg>();
  header.rtm_family = AF_INET6;
  header.rtm_type = RTN_UNICAST;
  header.rtm_table = RT_TABLE_MAIN;
  const rtnexthop hops[2] = {{sizeof(rtnexthop), 0, 0, 2}, {sizeof(rtnexthop), 0, 0, 3}};
  message.PutBytes(RTA_MULTIPATH, hops, sizeof(hops));
  std::vector<KernelEvent> events;
  DecodeEvent(message.header(), events);
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_TRUE(std::get<RouteChanged>(events[0]).replaces);
  EXPECT_FALSE(std::get<RouteChanged>(events[1]).replaces);
  Facts facts = World();
  for (const KernelEvent& event : events) {
    EXPECT_TRUE(ApplyEvent(facts, event));
  }
  EXPECT_THAT(facts.routes, SizeIs(5));
}

TEST(DecodeEvent, TellsComingFromGoing) {
  const AddressFact address = Address(kEth0, "198.51.100.1/24");
  std::vector<KernelEvent> events;
  DecodeEvent(AddAddressRequest(address).header(), events);
  DecodeEvent(DeleteAddressRequest(address).header(), events);
  const RuleFact rule{.family = AF_INET, .table = 5301};
  DecodeEvent(AddRuleRequest(rule).header(), events);
  DecodeEvent(DeleteRuleRequest(rule).header(), events);
  DecodeEvent(DeleteRouteRequest(Route(kEth0, "203.0.113.0/24")).header(), events);
  DecodeEvent(AddFilterRequest({kEth0, {}}).header(), events);  // neighbours: nothing
  ASSERT_THAT(events, SizeIs(5));
  EXPECT_TRUE(std::holds_alternative<AddressChanged>(events[0]));
  EXPECT_TRUE(std::holds_alternative<AddressGone>(events[1]));
  EXPECT_TRUE(std::holds_alternative<RuleChanged>(events[2]));
  EXPECT_TRUE(std::holds_alternative<RuleGone>(events[3]));
  EXPECT_TRUE(std::holds_alternative<RouteGone>(events[4]));
}

}  // namespace
}  // namespace stronghost
