// Who is chosen from, by destination: the table of agent/decide/source_choice.h, and the slots.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "agent/decide/source_choice.h"
#include "tests/unit/decide_world.h"

namespace stronghost {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

IpAddress Ip(const std::string& text) {
  return *IpAddress::Parse(text);
}
IpPrefix Net(const std::string& text) {
  return *IpPrefix::Parse(text);
}

// Group "front" (n0, n1) with a choice, and group "back" (n2) without one.
class SourceWorld : public DecideWorld {
 public:
  SourceWorld() : DecideWorld(3) {
    config.groups[0].nics = {"n0", "n1"};
    config.groups[0].source.choose = SourceChoice::kSpread;
    config.groups.push_back({.name = "back", .nics = {"n2"}});
    AddAddress(0, "198.51.100.1/24");
    AddAddress(1, "198.51.100.2/24");
    AddAddress(2, "192.0.2.1/25");
  }
  SourceConfig& source() { return config.groups[0].source; }
  AddressFact& Fact(const std::string& ip) {
    return *std::find_if(facts.addresses.begin(), facts.addresses.end(),
                         [&](const AddressFact& fact) { return fact.ip.address == Ip(ip); });
  }
  void AddRoute(int i, const std::string& destination, const std::string& gateway,
                uint32_t metric = 0) {
    RouteFact route{.table = RT_TABLE_MAIN,
                    .destination = Net(destination),
                    .link = IfIndex{static_cast<uint32_t>(10 + i)},
                    .metric = metric,
                    .protocol = RTPROT_STATIC};
    if (!gateway.empty()) {
      route.gateway = Ip(gateway);
    }
    facts.routes.push_back(route);
  }
  // Who may be chosen for a destination, by the longest prefix, as text; none: routing.
  std::vector<std::string> For(const std::string& destination) {
    Decide();
    const IpAddress ip = Ip(destination);
    const SourceSlots* best = nullptr;
    int length = -1;
    for (const auto& [network, slots] : decision.sources.routes) {
      if (network.address.IsV4() == ip.IsV4() && network.Contains(ip) && network.length > length) {
        best = &slots;
        length = network.length;
      }
    }
    std::set<std::string> chosen;
    for (const IpAddress& slot : best == nullptr ? SourceSlots() : *best) {
      chosen.insert(slot.ToString());
    }
    return {chosen.begin(), chosen.end()};
  }
};

TEST(SourceChoice, IsRoutingsWhereNobodyAsks) {
  SourceWorld world;
  world.source().choose = SourceChoice::kRouting;
  world.AddRoute(0, "0.0.0.0/0", "198.51.100.254");
  world.Decide();
  EXPECT_THAT(world.decision.sources.routes, IsEmpty());
}

TEST(SourceChoice, OnASubnetIsBetweenItsOwnAddresses) {
  SourceWorld world;
  world.AddAddress(1, "203.0.113.5/28");
  EXPECT_THAT(world.For("198.51.100.77"), ElementsAre("198.51.100.1", "198.51.100.2"));
  EXPECT_THAT(world.For("203.0.113.9"), ElementsAre("203.0.113.5"));
  EXPECT_THAT(world.For("192.0.2.9"), IsEmpty()) << "a group without a choice";
  EXPECT_THAT(world.For("192.0.2.200"), IsEmpty()) << "no route";
}

TEST(SourceChoice, BehindAGatewayIsBetweenTheAddressesOfItsSubnet) {
  SourceWorld world;
  world.AddAddress(1, "203.0.113.5/28");
  world.AddRoute(0, "0.0.0.0/0", "198.51.100.254");
  world.AddRoute(1, "192.0.2.128/25", "203.0.113.1");
  EXPECT_THAT(world.For("192.0.2.200"), ElementsAre("203.0.113.5"));
  EXPECT_THAT(world.For("8.8.8.8"), ElementsAre("198.51.100.1", "198.51.100.2"));
}

TEST(SourceChoice, OfAGatewayInNoSubnetIsBetweenAll) {
  SourceWorld world;
  world.AddAddress(0, "2001:db8::1/64");
  world.AddAddress(1, "2001:db8::2/64");
  world.AddRoute(0, "::/0", "fe80::fe", 1024);
  EXPECT_THAT(world.For("2001:db8:1::9"), ElementsAre("2001:db8::1", "2001:db8::2"));
}

TEST(SourceChoice, FollowsThePreferredDefaultRoute) {
  SourceWorld world;
  world.AddRoute(0, "0.0.0.0/0", "198.51.100.254", 100);
  world.AddRoute(2, "0.0.0.0/0", "192.0.2.126", 50);
  EXPECT_THAT(world.For("8.8.8.8"), IsEmpty()) << "of the group without a choice";
  world.facts.routes[1].metric = 200;
  EXPECT_THAT(world.For("8.8.8.8"), ElementsAre("198.51.100.1", "198.51.100.2"));
}

TEST(SourceChoice, LeavesContainersAndOtherRoutesToRouting) {
  SourceWorld world;
  world.facts.links[IfIndex{50}] = {.index = IfIndex{50}, .name = "br", .admin_up = true};
  world.AddRoute(0, "0.0.0.0/0", "198.51.100.254");
  world.AddRoute(40, "172.17.0.0/16", "");
  world.facts.addresses.push_back({.link = IfIndex{50}, .ip = Net("203.0.113.200/24")});
  EXPECT_THAT(world.For("172.17.0.9"), IsEmpty());
  EXPECT_THAT(world.For("203.0.113.200"), IsEmpty()) << "this host";
  EXPECT_THAT(world.For("203.0.113.201"), ElementsAre("198.51.100.1", "198.51.100.2"));
}

TEST(SourceChoice, LeavesSpecialDestinationsToRouting) {
  SourceWorld world;
  world.AddAddress(0, "2001:db8::1/64");
  world.AddRoute(0, "0.0.0.0/0", "198.51.100.254");
  world.AddRoute(0, "::/0", "fe80::fe", 1024);
  for (const char* destination :
       {"0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.251", "239.1.1.1", "255.255.255.255",
        "198.51.100.255", "::", "::1", "fe80::9", "ff02::fb"}) {
    EXPECT_THAT(world.For(destination), IsEmpty()) << destination;
  }
}

// In the map's form an IPv4 destination lies in ::/0.
TEST(SourceChoice, OfIpv6IsNeverForIpv4) {
  SourceWorld world;
  world.AddAddress(0, "2001:db8::1/64");
  world.AddRoute(0, "::/0", "fe80::fe", 1024);
  world.Decide();
  EXPECT_THAT(world.decision.sources.routes.at(Net("0.0.0.0/0")), IsEmpty());
}

TEST(SourceChoice, IsNeverAnAddressWithoutAWire) {
  SourceWorld world;
  world.AddRoute(0, "0.0.0.0/0", "198.51.100.254", 50);
  world.AddRoute(2, "0.0.0.0/0", "192.0.2.126", 100);
  world.config.groups[1].source.choose = SourceChoice::kSpread;
  EXPECT_THAT(world.For("8.8.8.8"), ElementsAre("198.51.100.1", "198.51.100.2"));
  world.SetCarrier(0, false);
  EXPECT_THAT(world.For("8.8.8.8"), ElementsAre("198.51.100.1", "198.51.100.2")) << "a stand-in";
  world.SetCarrier(1, false);
  EXPECT_THAT(world.For("8.8.8.8"), ElementsAre("192.0.2.1")) << "the other group's default";
  EXPECT_THAT(world.For("198.51.100.77"), ElementsAre("192.0.2.1")) << "its subnet as well";
  world.SetCarrier(2, false);
  EXPECT_THAT(world.For("8.8.8.8"), IsEmpty());
}

TEST(SourceChoice, PrefersAndAvoids) {
  SourceWorld world;
  world.AddAddress(0, "198.51.100.3/24");
  world.source().prefer = {Ip("198.51.100.2"), Ip("198.51.100.3")};
  EXPECT_THAT(world.For("198.51.100.77"), ElementsAre("198.51.100.2", "198.51.100.3"));
  world.source().prefer = {Ip("198.51.100.2")};
  world.source().avoid = {Ip("198.51.100.1")};
  EXPECT_THAT(world.For("198.51.100.77"), ElementsAre("198.51.100.2"));
  std::erase_if(world.facts.addresses,
                [](const AddressFact& fact) { return fact.ip.address == Ip("198.51.100.2"); });
  EXPECT_THAT(world.For("198.51.100.77"), ElementsAre("198.51.100.3")) << "not the avoided one";
  EXPECT_THAT(world.decision.problems, Contains(HasSubstr("names 198.51.100.2, which no NIC")));
  std::erase_if(world.facts.addresses,
                [](const AddressFact& fact) { return fact.ip.address == Ip("198.51.100.3"); });
  EXPECT_THAT(world.For("198.51.100.77"), ElementsAre("198.51.100.1")) << "nothing else is left";
}

TEST(SourceChoice, OfIpv6GoesByRfc6724) {
  SourceWorld world;
  world.AddAddress(0, "2001:db8::1/64");
  world.AddAddress(0, "2001:db8::2/64");
  world.AddAddress(0, "fd00::1/64");
  world.AddAddress(0, "fe80::1/64");
  world.AddRoute(0, "::/0", "fe80::fe", 1024);
  EXPECT_THAT(world.For("2001:db8:1::9"), ElementsAre("2001:db8::1", "2001:db8::2"))
      << "neither link-local nor unique local";
  EXPECT_THAT(world.For("fd00:1::9"), ElementsAre("fd00::1")) << "rule 6";
  world.Fact("2001:db8::1").flags = IFA_F_DEPRECATED;
  EXPECT_THAT(world.For("2001:db8:1::9"), ElementsAre("2001:db8::2")) << "rule 3";
  EXPECT_THAT(world.For("2001:db8::9"), ElementsAre("2001:db8::2")) << "rule 3, on the subnet";
  world.Fact("2001:db8::1").flags = IFA_F_TEMPORARY;
  EXPECT_THAT(world.For("2001:db8:1::9"), ElementsAre("2001:db8::1")) << "rule 7";
  world.Fact("2001:db8::1").flags = IFA_F_TENTATIVE;
  EXPECT_THAT(world.For("2001:db8:1::9"), ElementsAre("2001:db8::2")) << "not usable yet";
}

TEST(SourceChoice, IsNoAddressOfNarrowScopeOrOfNobody) {
  SourceWorld world;
  world.Fact("198.51.100.1").scope = RT_SCOPE_LINK;
  EXPECT_THAT(world.For("198.51.100.77"), ElementsAre("198.51.100.2"));
  world.config.groups[0].adopt = false;
  EXPECT_THAT(world.For("198.51.100.77"), IsEmpty()) << "not managed";
}

int SlotsOf(const SourceSlots& slots, const std::string& ip) {
  return static_cast<int>(std::count(slots.begin(), slots.end(), Ip(ip)));
}

TEST(SourceSlots, AreSharedByWeight) {
  const SourceSlots even = FillSlots({{Ip("198.51.100.1"), 1}, {Ip("198.51.100.2"), 1}});
  EXPECT_EQ(even.size(), static_cast<size_t>(kSourceSlots));
  EXPECT_NEAR(SlotsOf(even, "198.51.100.1"), 128, 32);  // four times the standard deviation
  const SourceSlots uneven = FillSlots({{Ip("198.51.100.1"), 9}, {Ip("198.51.100.2"), 3}});
  EXPECT_NEAR(SlotsOf(uneven, "198.51.100.1"), 192, 28);
  EXPECT_EQ(FillSlots({{Ip("2001:db8::1"), 5}}), SourceSlots(kSourceSlots, Ip("2001:db8::1")));
  EXPECT_THAT(FillSlots({}), IsEmpty());
}

TEST(SourceSlots, OfAnAddressThatGoesAloneChangeHands) {
  std::vector<std::pair<IpAddress, int>> weights;
  for (int i = 1; i <= 8; ++i) {
    weights.emplace_back(Ip(absl::StrCat("198.51.100.", i)), i);
  }
  const SourceSlots before = FillSlots(weights);
  weights.erase(weights.begin() + 3);
  const SourceSlots after = FillSlots(weights);
  std::reverse(weights.begin(), weights.end());
  EXPECT_EQ(FillSlots(weights), after) << "in whatever order";
  for (int slot = 0; slot < kSourceSlots; ++slot) {
    const auto at = static_cast<size_t>(slot);
    EXPECT_EQ(before[at] == Ip("198.51.100.4"), before[at] != after[at]) << slot;
  }
}

}  // namespace
}  // namespace stronghost
