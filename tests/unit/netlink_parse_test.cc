// Netlink messages to facts and back, and whatever else may arrive on the socket.
#include "agent/netlink/parse.h"

#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <memory>
#include <random>

#include "agent/netlink/build.h"
#include "agent/netlink/canonical.h"
#include "agent/observe/facts_events.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stronghost {
namespace {

IpAddress Ip(const char* text) {
  return *IpAddress::Parse(text);
}
IpPrefix Prefix(const char* text) {
  return *IpPrefix::Parse(text);
}

void PutText(NetlinkMessage& message, uint16_t type, const std::string& text) {
  message.PutBytes(type, text.c_str(), text.size() + 1);
}

// RTM_NEWLINK of an Ethernet NIC, as the kernel tells it, without what `omit` names.
NetlinkMessage LinkMessage(uint16_t omit = 0, uint16_t type = RTM_NEWLINK, int family = AF_UNSPEC) {
  NetlinkMessage message(type, 0);
  auto& header = message.AddHeader<ifinfomsg>();
  header.ifi_family = static_cast<uint8_t>(family);
  header.ifi_index = 7;
  header.ifi_flags = IFF_UP;
  if (omit != IFLA_IFNAME) {
    PutText(message, IFLA_IFNAME, "eth7");
  }
  message.PutMac(IFLA_ADDRESS, *MacAddress::Parse("02:00:5e:10:00:07"));
  if (omit != IFLA_CARRIER) {
    message.PutU8(IFLA_CARRIER, 1);
  }
  message.PutU32(IFLA_MTU, 1500);
  message.PutU32(IFLA_GROUP, 5300);
  return message;
}

void PutKind(NetlinkMessage& message, const std::string& kind) {
  std::vector<char> nest(4 + ((kind.size() + 1 + 3) & ~size_t{3}));
  const uint16_t head[2] = {static_cast<uint16_t>(4 + kind.size() + 1), IFLA_INFO_KIND};
  std::memcpy(nest.data(), head, sizeof(head));
  std::memcpy(nest.data() + 4, kind.c_str(), kind.size());
  message.PutBytes(IFLA_LINKINFO | NLA_F_NESTED, nest.data(), nest.size());
}

TEST(ParseLink, ReadsEverythingThatALinkFactHolds) {
  NetlinkMessage message = LinkMessage();
  message.PutU32(IFLA_MASTER, 3);
  message.PutU32(IFLA_LINK, 2);
  PutKind(message, "vlan");
  const auto link = ParseLink(message.header());
  ASSERT_TRUE(link.has_value());
  EXPECT_EQ(*link, (LinkFact{.index = IfIndex{7},
                             .name = "eth7",
                             .mac = *MacAddress::Parse("02:00:5e:10:00:07"),
                             .admin_up = true,
                             .carrier = true,
                             .mtu = 1500,
                             .master = IfIndex{3},
                             .parent = IfIndex{2},
                             .ifgroup = 5300,
                             .kind = "vlan"}));
}

TEST(ParseLink, APeerOrADeviceOfAnotherNamespaceIsNoParent) {
  NetlinkMessage veth = LinkMessage();
  veth.PutU32(IFLA_LINK, 2);
  PutKind(veth, "veth");
  EXPECT_EQ(ParseLink(veth.header())->parent, IfIndex::kNone);
  NetlinkMessage elsewhere = LinkMessage();
  elsewhere.PutU32(IFLA_LINK, 2);
  elsewhere.PutU32(IFLA_LINK_NETNSID, 0);
  PutKind(elsewhere, "macvlan");
  EXPECT_EQ(ParseLink(elsewhere.header())->parent, IfIndex::kNone);
}

TEST(ParseLink, LeavingABridgeIsNotTheEndOfTheNic) {
  EXPECT_TRUE(ParseLink(LinkMessage(0, RTM_DELLINK).header()).has_value());
  EXPECT_FALSE(ParseLink(LinkMessage(0, RTM_DELLINK, AF_BRIDGE).header()).has_value());
}

TEST(ParseLink, IncompleteOnesYieldNothing) {
  EXPECT_FALSE(ParseLink(LinkMessage(IFLA_IFNAME).header()).has_value());
  EXPECT_FALSE(ParseLink(LinkMessage(IFLA_CARRIER).header()).has_value());
  EXPECT_FALSE(ParseLinkState(LinkMessage(IFLA_CARRIER).header()).has_value());
  NetlinkMessage short_mtu = LinkMessage();
  short_mtu.PutU8(IFLA_MTU, 5);
  EXPECT_FALSE(ParseLink(short_mtu.header()).has_value());
  NetlinkMessage bad_nest = LinkMessage();
  const uint16_t nest[2] = {200, IFLA_INFO_KIND};  // longer than the nest itself
  bad_nest.PutBytes(IFLA_LINKINFO, nest, sizeof(nest));
  EXPECT_FALSE(ParseLink(bad_nest.header()).has_value());
}

TEST(ParseLinkState, TellsAdminStateAndCarrierApart) {
  NetlinkMessage message = LinkMessage(IFLA_CARRIER);
  message.PutU8(IFLA_CARRIER, 0);
  const auto state = ParseLinkState(message.header());
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->link, IfIndex{7});
  EXPECT_TRUE(state->admin_up);
  EXPECT_FALSE(state->carrier);
}

NetlinkMessage AddressMessage(int family, int length) {
  NetlinkMessage message(RTM_NEWADDR, 0);
  auto& header = message.AddHeader<ifaddrmsg>();
  header.ifa_family = static_cast<uint8_t>(family);
  header.ifa_prefixlen = static_cast<uint8_t>(length);
  header.ifa_flags = IFA_F_PERMANENT;
  header.ifa_index = 4;
  return message;
}

TEST(ParseAddress, LocalIsTheAddressEvenWithAPeer) {
  NetlinkMessage message = AddressMessage(AF_INET, 32);
  message.PutIp(IFA_ADDRESS, Ip("203.0.113.9"));
  message.PutIp(IFA_LOCAL, Ip("198.51.100.1"));
  message.PutU32(IFA_FLAGS, IFA_F_PERMANENT | IFA_F_NOPREFIXROUTE);
  const auto fact = ParseAddress(message.header());
  ASSERT_TRUE(fact.has_value());
  EXPECT_EQ(fact->ip, Prefix("198.51.100.1/32"));
  EXPECT_EQ(fact->flags, uint32_t{IFA_F_PERMANENT | IFA_F_NOPREFIXROUTE});
  EXPECT_EQ(fact->link, IfIndex{4});
}

TEST(ParseAddress, WrongLengthsAndMappedAddressesYieldNothing) {
  NetlinkMessage too_long = AddressMessage(AF_INET, 33);
  too_long.PutIp(IFA_LOCAL, Ip("198.51.100.1"));
  EXPECT_FALSE(ParseAddress(too_long.header()).has_value());
  NetlinkMessage other_family = AddressMessage(AF_INET6, 32);
  other_family.PutIp(IFA_ADDRESS, Ip("198.51.100.1"));
  EXPECT_FALSE(ParseAddress(other_family.header()).has_value());
  NetlinkMessage mapped = AddressMessage(AF_INET6, 128);
  mapped.PutBytes(IFA_ADDRESS, Ip("198.51.100.1").mapped().data(), 16);
  EXPECT_FALSE(ParseAddress(mapped.header()).has_value());
  EXPECT_FALSE(ParseAddress(AddressMessage(AF_INET, 24).header()).has_value());
}

// What is built is read back in the kernel's spelling: builder and parser agree on every attribute.
TEST(RoundTrip, AddressesRoutesRulesFilters) {
  for (const char* text : {"198.51.100.1/24", "2001:db8::1/64", "198.51.100.1/32"}) {
    const AddressFact address{
        .link = IfIndex{4}, .ip = Prefix(text), .flags = IFA_F_NOPREFIXROUTE, .protocol = 9};
    EXPECT_EQ(ParseAddress(AddAddressRequest(address).header()), address);
    EXPECT_EQ(ParseAddress(DeleteAddressRequest(address).header())->ip, address.ip);
  }
  AddressFact alias{.link = IfIndex{4},
                    .ip = Prefix("198.51.100.1/24"),
                    .metric = 77,
                    .broadcast = Ip("198.51.100.255"),
                    .peer = Ip("198.51.100.2"),
                    .label = "eth0:1"};
  EXPECT_EQ(ParseAddress(AddAddressRequest(alias).header()), alias);
  // The kernel finds a point-to-point address by both of its ends.
  EXPECT_EQ(ParseAddress(DeleteAddressRequest(alias).header())->peer, alias.peer);
  // It labels every IPv4 address; without an alias that says nothing.
  alias.label = "eth0";
  EXPECT_EQ(ParseAddress(AddAddressRequest(alias).header())->label, "");
  RouteFact route{.table = 5301,
                  .destination = Prefix("203.0.113.77/24"),
                  .gateway = Ip("198.51.100.254"),
                  .source = Ip("198.51.100.1"),
                  .link = IfIndex{4},
                  .metric = 7,
                  .protocol = 83,
                  .flags = RTNH_F_ONLINK};
  EXPECT_THAT(ParseRoutes(AddRouteRequest(route, RouteChange::kAdd).header()),
              testing::ElementsAre(CanonicalRoute(route)));
  route.gateway = Ip("fe80::1");  // RFC 5549
  EXPECT_THAT(ParseRoutes(AddRouteRequest(route, RouteChange::kReplace).header()),
              testing::ElementsAre(CanonicalRoute(route)));
  const RouteFact plain{
      .table = 254, .destination = Prefix("2001:db8:1::/48"), .link = IfIndex{4}, .protocol = 83};
  EXPECT_THAT(ParseRoutes(DeleteRouteRequest(plain).header()),
              testing::ElementsAre(CanonicalRoute(plain)));
  RuleFact rule{.family = AF_INET6,
                .priority = 5300,
                .from = Prefix("2001:db8::1"),
                .table = 254,
                .suppress_prefix_length = 0,
                .suppress_ifgroup = 5300,
                .protocol = 83};
  EXPECT_EQ(ParseRule(AddRuleRequest(rule).header()), rule);
  rule = {.family = AF_INET, .table = 5555};
  EXPECT_EQ(ParseRule(DeleteRuleRequest(rule).header()), rule);
  for (const char* mac : {"02:00:5e:10:00:01", "33:33:ff:00:00:01"}) {
    const FilterEntry filter{IfIndex{4}, *MacAddress::Parse(mac)};
    EXPECT_EQ(ParseFilter(AddFilterRequest(filter).header()), filter);
    EXPECT_EQ(ParseFilter(DeleteFilterRequest(filter).header()), filter);
  }
}

// RFC 4191 section 2.1: 01 high, 00 medium, 11 low, 10 reserved.
TEST(ParseRoutes, PreferenceOfARouter) {
  const RouteFact route{.table = 254,
                        .destination = Prefix("::/0"),
                        .gateway = Ip("fe80::1"),
                        .link = IfIndex{4},
                        .metric = 1024,
                        .protocol = RTPROT_RA};
  for (const auto& [value, rank] :
       {std::pair(0, 0), std::pair(1, -1), std::pair(3, 1), std::pair(2, 0)}) {
    NetlinkMessage message = AddRouteRequest(route, RouteChange::kAdd);
    message.PutU8(RTA_PREF, static_cast<uint8_t>(value));
    const std::vector<RouteFact> parsed = ParseRoutes(message.header());
    ASSERT_EQ(parsed.size(), 1U);
    EXPECT_EQ(parsed[0].preference, rank) << value;
    EXPECT_EQ(CanonicalRoute(parsed[0]), CanonicalRoute(route)) << "no part of what it is";
  }
}

TEST(ParseRoutes, OneFactPerNextHop) {
  struct Hop {
    rtnexthop next;
    nlattr attribute;
    uint32_t gateway;
  };
  const auto hop = [](int link, const char* gateway) {
    Hop made{{sizeof(Hop), RTNH_F_ONLINK, 0, link}, {8, RTA_GATEWAY}, 0};
    std::memcpy(&made.gateway, Ip(gateway).data(), 4);
    return made;
  };
  const Hop hops[2] = {hop(4, "198.51.100.254"), hop(5, "203.0.113.254")};
  const auto message_of = [&](size_t size) {
    NetlinkMessage message(RTM_NEWROUTE, 0);
    auto& header = message.AddHeader<rtmsg>();
    header.rtm_family = AF_INET;
    header.rtm_type = RTN_UNICAST;
    header.rtm_table = RT_TABLE_MAIN;
    message.PutBytes(RTA_MULTIPATH, hops, size);
    return message;
  };
  const std::vector<RouteFact> routes = ParseRoutes(message_of(sizeof(hops)).header());
  ASSERT_EQ(routes.size(), 2U);
  EXPECT_EQ(routes[0].link, IfIndex{4});
  EXPECT_EQ(routes[0].gateway, Ip("198.51.100.254"));
  EXPECT_EQ(routes[1].link, IfIndex{5});
  EXPECT_EQ(routes[1].gateway, Ip("203.0.113.254"));
  EXPECT_EQ(routes[1].destination, (IpPrefix{IpAddress::V4(0), 0}));
  EXPECT_TRUE(ParseRoutes(message_of(sizeof(hops) - 4).header()).empty());
}

TEST(ParseRoutes, OnlyPlainUnicastOnes) {
  const RouteFact route{.destination = Prefix("203.0.113.0/24"), .link = IfIndex{4}};
  const auto parsed_with = [&](auto change) {
    NetlinkMessage message = AddRouteRequest(route, RouteChange::kAdd);
    void* header = &message.header() + 1;
    change(*static_cast<rtmsg*>(header));
    return ParseRoutes(message.header()).size();
  };
  EXPECT_EQ(parsed_with([](rtmsg&) {}), 1U);
  EXPECT_EQ(parsed_with([](rtmsg& header) { header.rtm_type = RTN_BLACKHOLE; }), 0U);
  EXPECT_EQ(parsed_with([](rtmsg& header) { header.rtm_flags |= RTM_F_CLONED; }), 0U);
  EXPECT_EQ(parsed_with([](rtmsg& header) { header.rtm_tos = 8; }), 0U);
  EXPECT_EQ(parsed_with([](rtmsg& header) { header.rtm_src_len = 24; }), 0U);
  EXPECT_EQ(parsed_with([](rtmsg& header) { header.rtm_dst_len = 33; }), 0U);
  EXPECT_EQ(parsed_with([](rtmsg& header) { header.rtm_family = AF_MPLS; }), 0U);
}

TEST(ParseRule, KeepsTheMark) {
  const RuleFact rule{.family = AF_INET,
                      .priority = 9,
                      .from = IpPrefix{IpAddress::V4(0), 32},
                      .table = 254,
                      .mark = 0x53480001,
                      .mark_mask = 0xffffffff};
  EXPECT_EQ(ParseRule(AddRuleRequest(rule).header()), rule);
}

TEST(ParseRule, SkipsRulesWithSelectorsThatItHasNoRoomFor) {
  const RuleFact rule{.family = AF_INET, .priority = 9, .table = 254};
  ASSERT_TRUE(ParseRule(AddRuleRequest(rule).header()).has_value());
  constexpr std::array<uint16_t, 12> kSelectors = {
      FRA_DST,       FRA_IIFNAME,     FRA_OIFNAME,     FRA_TUN_ID,
      FRA_UID_RANGE, FRA_SPORT_RANGE, FRA_DPORT_RANGE, FRA_FLOW,
      FRA_GOTO,      FRA_IP_PROTO,    FRA_L3MDEV,      40 /* of a later kernel */};
  for (const uint16_t selector : kSelectors) {
    NetlinkMessage message = AddRuleRequest(rule);
    message.PutU32(selector, 1);
    EXPECT_FALSE(ParseRule(message.header()).has_value()) << selector;
  }
  NetlinkMessage inverted = AddRuleRequest(rule);
  void* header = &inverted.header() + 1;
  static_cast<fib_rule_hdr*>(header)->flags = FIB_RULE_INVERT;
  EXPECT_FALSE(ParseRule(inverted.header()).has_value());
}

TEST(NetlinkMessage, RemembersThatSomethingDidNotFit) {
  NetlinkMessage message(RTM_NEWLINK, 0);
  const std::array<char, NetlinkMessage::kCapacity> data{};
  message.PutBytes(1, data.data(), 100);
  EXPECT_FALSE(message.overflowed());
  message.PutBytes(1, data.data(), 200);
  EXPECT_TRUE(message.overflowed());
  EXPECT_LE(message.size(), NetlinkMessage::kCapacity);
}

TEST(ForEachMessage, ALengthAboveTheDatagramEndsTheWalk) {
  for (const uint32_t length : {0U, 15U, 33U, 0x80000000U, 0xfffffff0U}) {
    alignas(nlmsghdr) std::array<char, 32> datagram{};
    std::memcpy(datagram.data(), &length, sizeof(length));
    int visits = 0;
    EXPECT_FALSE(ForEachMessage(datagram, [&](const nlmsghdr&) { ++visits; })) << length;
    EXPECT_EQ(visits, 0) << length;
  }
}

// Everything that reads received bytes. The sanitizers judge.
size_t ReadAll(absl::Span<const char> bytes) {
  const auto datagram = std::make_unique<char[]>(bytes.size());  // exact: reading past it shows
  std::copy(bytes.begin(), bytes.end(), datagram.get());
  size_t facts = 0;
  std::vector<KernelEvent> events;
  ForEachMessage({datagram.get(), bytes.size()}, [&](const nlmsghdr& message) {
    facts += static_cast<size_t>(ParseLinkState(message).has_value());
    facts += static_cast<size_t>(ParseFilter(message).has_value());
    DecodeEvent(message, events);
  });
  return facts + events.size();
}

TEST(Malformed, MutatedAndRandomMessagesNeverCrash) {
  std::mt19937 random(83);
  NetlinkMessage vlan = LinkMessage();
  PutKind(vlan, "vlan");
  const RouteFact route{
      .destination = Prefix("203.0.113.0/24"), .gateway = Ip("fe80::1"), .link = IfIndex{4}};
  const std::vector<NetlinkMessage> seeds = {
      vlan, AddAddressRequest({.link = IfIndex{4}, .ip = Prefix("2001:db8::1/64")}),
      AddRouteRequest(route, RouteChange::kAdd),
      AddRuleRequest({.family = AF_INET, .from = Prefix("198.51.100.1"), .table = 5301}),
      AddFilterRequest({IfIndex{4}, *MacAddress::Parse("33:33:ff:00:00:01")})};
  const std::array<uint16_t, 8> types = {RTM_NEWLINK, RTM_DELLINK,  RTM_NEWADDR,  RTM_DELADDR,
                                         RTM_NEWRULE, RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWNEIGH};
  const auto below = [&random](size_t end) { return static_cast<size_t>(random()) % end; };
  size_t understood = 0;
  for (int round = 0; round < 100000; ++round) {
    const NetlinkMessage& seed = seeds[below(seeds.size())];
    const void* start = &seed.header();
    std::vector<char> bytes(static_cast<const char*>(start),
                            static_cast<const char*>(start) + seed.size());
    for (size_t flips = below(4); flips > 0; --flips) {
      bytes[below(bytes.size())] = static_cast<char>(random());
    }
    if (below(4) == 0) {  // cut off, with a header that says so
      const auto size = static_cast<uint32_t>(sizeof(nlmsghdr) + below(bytes.size() - 15));
      bytes.resize(std::min(bytes.size(), size_t{size}));
      std::memcpy(bytes.data(), &size, sizeof(size));
    }
    if (below(4) == 0) {
      std::memcpy(bytes.data() + offsetof(nlmsghdr, nlmsg_type), &types[below(types.size())], 2);
    }
    understood += ReadAll(bytes);
    std::vector<char> noise(below(64));
    for (char& byte : noise) {
      byte = static_cast<char>(random());
    }
    ReadAll(noise);
  }
  EXPECT_GT(understood, 10000U);  // or the mutations are too wild to reach the parsers
}

}  // namespace
}  // namespace stronghost
