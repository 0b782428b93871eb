// From facts to a configuration: candidates, origins, gateways, notes, and the text.
#include "agent/suggest/suggest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_addr.h>

#include <algorithm>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/suggest/origin.h"
#include "tests/unit/suggest_world.h"

namespace stronghost {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr IfIndex k2{2};
constexpr IfIndex k3{3};

// The text as a configuration that the daemon takes on this host.
Config Accepted(const std::string& text, const Facts& facts) {
  const LoadedConfig loaded = ParseConfig(text, "suggested.toml");
  for (const ConfigProblem& problem : loaded.problems) {
    ADD_FAILURE() << problem.ToString() << "\n" << text;
  }
  for (const FactProblem& problem : ValidateFacts(loaded.config, facts)) {
    EXPECT_NE(problem.severity, FactSeverity::kRefused) << problem.path << problem.message;
  }
  return loaded.config;
}

// With every setting in use that the text offers in a comment.
std::string TakenIntoUse(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (std::string& line : lines) {
    const size_t mark = line.find_first_not_of(' ');
    if (mark != std::string::npos && line[mark] == '#' && mark + 1 < line.size() &&
        line[mark + 1] != ' ') {
      line.erase(mark, 1);
    }
  }
  return absl::StrJoin(lines, "\n");
}

class SuggestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    LinkFact& lo = world_.AddLink(1, "lo");
    lo.mac = {};
    world_.AddLink(2, "eth0");
    world_.AddLink(3, "eth1");
    world_.AddAddress(1, "127.0.0.1/8");
    world_.AddAddress(2, "198.51.100.1/24");
    world_.AddAddress(3, "198.51.100.2/24");
    world_.Hear({2, 3});
  }
  // Suggests, and checks that the text says the same and is accepted, as it is and with everything
  // that it offers.
  Suggestion Checked(bool probe = true) {
    Suggestion suggestion = world_.Suggest(probe);
    text_ = ToToml(suggestion);
    const Config config = Accepted(text_, world_.host.facts);
    Accepted(TakenIntoUse(text_), world_.host.facts);
    Config wanted;
    for (const SuggestedGroup& group : suggestion.groups) {
      wanted.groups.push_back(group.config);
    }
    EXPECT_EQ(config, wanted);
    return suggestion;
  }
  static std::vector<std::vector<std::string>> NicsOf(const Suggestion& suggestion) {
    std::vector<std::vector<std::string>> nics;
    for (const SuggestedGroup& group : suggestion.groups) {
      nics.push_back(group.config.nics);
    }
    return nics;
  }
  std::vector<std::string> Gateways() {
    std::vector<std::string> gateways;
    const Suggestion suggestion = Checked();
    for (const IpAddress& gateway : suggestion.groups.at(0).config.gateways) {
      gateways.push_back(gateway.ToString());
    }
    return gateways;
  }

  SuggestWorld world_;
  std::string text_;
};

using Names = std::vector<std::vector<std::string>>;

TEST_F(SuggestTest, OneGroupForOneSegment) {
  const Suggestion suggestion = Checked();
  EXPECT_EQ(NicsOf(suggestion), (Names{{"eth0", "eth1"}}));
  EXPECT_EQ(suggestion.groups[0].config.name, "front");
  EXPECT_TRUE(suggestion.probed);
  EXPECT_EQ(world_.ReasonFor("lo", suggestion), "is the loopback interface");
  EXPECT_THAT(text_, HasSubstr("nics = [\"eth0\", \"eth1\"]\n"));
  EXPECT_THAT(text_, HasSubstr("#   198.51.100.1/24 (static)\n"));
}

TEST_F(SuggestTest, TheSegmentWithTheDefaultRouteComesFirst) {
  world_.hearing = {};
  world_.AddDefault(3, "198.51.100.254", RTPROT_STATIC);
  const Suggestion suggestion = Checked();
  EXPECT_EQ(NicsOf(suggestion), (Names{{"eth1"}, {"eth0"}}));
  EXPECT_EQ(suggestion.groups[0].config.name, "segment1");
  EXPECT_EQ(suggestion.groups[1].config.name, "segment2");
}

TEST_F(SuggestTest, ANicWithoutAddressJoinsItsSegmentLast) {
  world_.AddLink(1, "eth9");  // the lowest index
  world_.host.facts.addresses.erase(world_.host.facts.addresses.begin());
  world_.Hear({1, 2, 3});
  const Suggestion suggestion = Checked();
  EXPECT_EQ(NicsOf(suggestion), (Names{{"eth0", "eth1", "eth9"}}));
  EXPECT_THAT(suggestion.groups[0].notes, Contains(HasSubstr("eth9 has no address: it carries")));
}

TEST_F(SuggestTest, ANicWithoutAddressInASegmentOfItsOwnIsLeftOut) {
  world_.AddLink(9, "eth9");
  EXPECT_THAT(world_.ReasonFor("eth9", Checked()), HasSubstr("shares its segment with none"));
  EXPECT_THAT(world_.ReasonFor("eth9", Checked(/*probe=*/false)), HasSubstr("without --no-probe"));
}

TEST_F(SuggestTest, WithoutAnExchangeItGuessesAndSaysSo) {
  world_.AddLink(4, "eth2");
  world_.AddAddress(4, "203.0.113.1/24");
  world_.Hear({2, 4});
  const Suggestion suggestion = Checked(/*probe=*/false);
  EXPECT_EQ(NicsOf(suggestion), (Names{{"eth0", "eth1"}, {"eth2"}}));
  EXPECT_THAT(text_, HasSubstr("GUESSED: nothing was sent"));
  EXPECT_EQ(NicsOf(Checked()), (Names{{"eth0", "eth1", "eth2"}}));
  EXPECT_THAT(text_, Not(HasSubstr("GUESSED")));
}

TEST_F(SuggestTest, WhatIsLeftOutAndWhy) {
  struct Row {
    std::string kind;
    std::string reason;
    std::function<void(LinkFact&, HostFacts&)> change = [](LinkFact&, HostFacts&) {};
  };
  const std::vector<Row> rows = {
      {"vlan", "is a VLAN on 'eth0'", [](LinkFact& link, HostFacts&) { link.parent = k2; }},
      {"macvlan", "is a macvlan"},
      {"macvtap", "is a macvtap"},
      {"ipvlan", "is an ipvlan"},
      {"vxlan", "is a tunnel"},
      {"gretap", "is a tunnel"},
      {"tun", "is a tap of a guest or a tunnel"},
      {"dummy", "is a dummy"},
      {"ifb", "is a helper of traffic control"},
      {"vrf", "is a VRF"},
      {"bridge", "is a bridge without a NIC"},
      {"frobnicator", "is of kind 'frobnicator'"},
      {"wireguard", "no Ethernet interface: it has no MAC address (wireguard)",
       [](LinkFact& link, HostFacts&) { link.mac = {}; }},
      {"", "no Ethernet interface: it has no MAC address",
       [](LinkFact& link, HostFacts&) { link.mac = {}; }},
      {"", "is down; set it up ('ip link set x0 up')",
       [](LinkFact& link, HostFacts&) { link.admin_up = link.carrier = false; }},
      {"", "has no carrier; plug its cable",
       [](LinkFact& link, HostFacts&) { link.carrier = false; }},
      {"", "is wireless",
       [](LinkFact& link, HostFacts& host) { host.wireless.insert(link.index); }},
      {"", "is a port of bond 'over0', which can be a member instead",
       [](LinkFact& link, HostFacts& host) {
         host.facts.links[IfIndex{8}] = {
             .index = IfIndex{8}, .name = "over0", .mac = {{2, 8}}, .kind = "bond"};
         link.master = IfIndex{8};
       }},
      {"", "is a port of interface number 77",
       [](LinkFact& link, HostFacts&) { link.master = IfIndex{77}; }},
      {"veth", "is a veth without a subnet",
       [](LinkFact& link, HostFacts& host) {
         host.facts.addresses.push_back(
             {.link = link.index, .ip = *IpPrefix::Parse("10.0.0.1/32")});
       }},
  };
  for (const Row& row : rows) {
    SuggestWorld before = world_;
    row.change(world_.AddLink(9, "x0", row.kind), world_.host);
    const Suggestion suggestion = Checked();
    EXPECT_THAT(world_.ReasonFor("x0", suggestion), HasSubstr(row.reason)) << row.kind;
    EXPECT_EQ(NicsOf(suggestion), (Names{{"eth0", "eth1"}})) << row.reason;
    EXPECT_THAT(text_, HasSubstr("# - x0 ")) << row.reason;
    world_ = before;
  }
}

TEST_F(SuggestTest, WhatIsTakenToo) {
  for (const char* kind : {"", "veth", "bond", "team"}) {
    SuggestWorld before = world_;
    world_.AddLink(9, "x0", kind);
    world_.Hear({2, 9});
    EXPECT_EQ(NicsOf(Checked()), (Names{{"eth0", "eth1", "x0"}})) << kind;
    world_ = before;
  }
}

TEST_F(SuggestTest, ABridgeWithANicOrTheDefaultRouteIsTakenInPlaceOfItsPort) {
  world_.AddLink(9, "br0", "bridge");
  world_.host.facts.links[k3].master = IfIndex{9};
  world_.AddAddress(9, "198.51.100.9/24");
  world_.Hear({2, 9});
  const Suggestion with_port = Checked();
  EXPECT_EQ(NicsOf(with_port), (Names{{"eth0", "br0"}}));
  EXPECT_THAT(world_.ReasonFor("eth1", with_port), HasSubstr("is a port of bridge 'br0'"));
  world_.host.facts.links[k3].kind = "veth";  // as a container's
  EXPECT_EQ(NicsOf(Checked()), (Names{{"eth0"}}));
  world_.AddDefault(9, "198.51.100.254", RTPROT_STATIC);
  EXPECT_EQ(NicsOf(Checked()), (Names{{"eth0", "br0"}}));
}

TEST_F(SuggestTest, AMemberOfAVrfIsTakenWithAWarning) {
  world_.AddLink(9, "red", "vrf");
  world_.host.facts.links[k3].master = IfIndex{9};
  const Suggestion suggestion = Checked();
  EXPECT_EQ(NicsOf(suggestion), (Names{{"eth0", "eth1"}}));
  EXPECT_THAT(suggestion.groups[0].notes[0],
              AllOf(StartsWith("Warning: "), HasSubstr("VRF 'red'")));
}

TEST_F(SuggestTest, WhatTheDaemonWillWarnOfIsSaid) {
  world_.host.facts.links[k3].mtu = 9000;
  world_.host.facts.links[k3].mac = world_.host.facts.links[k2].mac;
  const Suggestion suggestion = Checked();
  EXPECT_THAT(suggestion.groups[0].notes,
              AllOf(Contains(HasSubstr("differ in MTU (eth0 1500, eth1 9000)")),
                    Contains(HasSubstr("have one MAC, 02:00:00:00:00:02"))));
  EXPECT_THAT(suggestion.notes, IsEmpty());
  world_.hearing = {};
  EXPECT_THAT(Checked().notes, ElementsAre(HasSubstr("eth0 and eth1 have one MAC")));
}

TEST_F(SuggestTest, DriversDecideWhatMacAutoMeans) {
  EXPECT_THAT(Checked().groups[0].notes, Contains(HasSubstr("means \"follow\" here")));
  world_.host.facts.links[k3].driver = "ixgbe";
  EXPECT_THAT(Checked().groups[0].notes,
              Contains(AllOf(HasSubstr("means \"stay\" here"), HasSubstr("(eth1: ixgbe)"))));
}

TEST_F(SuggestTest, ASingleNicSaysWhatItGets) {
  world_.host.facts.links.erase(k3);
  world_.hearing = {};
  EXPECT_THAT(Checked().groups[0].notes, ElementsAre(HasSubstr("A group of one")));
}

TEST_F(SuggestTest, NoNicGivesAFileThatManagesNothing) {
  world_.host.facts.links[k2].carrier = world_.host.facts.links[k3].carrier = false;
  const Suggestion suggestion = Checked();
  EXPECT_THAT(suggestion.groups, IsEmpty());
  EXPECT_THAT(suggestion.notes, ElementsAre(HasSubstr("No interface can be a member")));
}

TEST_F(SuggestTest, StaticDefaultRoutesBecomeGateways) {
  world_.AddAddress(2, "2001:db8::1/64");
  world_.AddDefault(2, "198.51.100.254", RTPROT_STATIC, 10);
  world_.AddDefault(3, "198.51.100.253", RTPROT_BOOT, 5);
  world_.AddDefault(3, "198.51.100.254", RTPROT_STATIC, 20);
  world_.AddDefault(2, "fe80::fe", RTPROT_STATIC);
  EXPECT_THAT(Gateways(), ElementsAre("198.51.100.253", "198.51.100.254", "fe80::fe"));
}

TEST_F(SuggestTest, GatewaysThatComeAndGoAreFollowed) {
  for (const auto& [protocol, source] : std::vector<std::pair<uint8_t, std::string>>{
           {RTPROT_DHCP, "DHCP"}, {RTPROT_BIRD, "a routing daemon"}, {RTPROT_RA, "router adv"}}) {
    SuggestWorld before = world_;
    world_.AddDefault(2, "198.51.100.254", protocol);
    const Suggestion suggestion = Checked();
    EXPECT_THAT(suggestion.groups[0].config.gateways, IsEmpty());
    EXPECT_THAT(
        suggestion.groups[0].gateway_notes,
        Contains(AllOf(HasSubstr("198.51.100.254 by eth0 (" + source), HasSubstr("followed"))));
    EXPECT_THAT(suggestion.groups[0].gateway_notes,
                Contains(HasSubstr("eth1 has an IPv4 address and no default route of its own")));
    world_ = before;
  }
}

// Else the static ones would take the followed one's place.
TEST_F(SuggestTest, OneFollowedGatewayKeepsThoseOfItsFamilyOutOfTheList) {
  world_.AddAddress(2, "2001:db8::1/64");
  world_.AddDefault(2, "198.51.100.254", RTPROT_DHCP);
  world_.AddDefault(3, "198.51.100.253", RTPROT_STATIC);
  world_.AddDefault(2, "2001:db8::fe", RTPROT_STATIC);
  EXPECT_THAT(Gateways(), ElementsAre("2001:db8::fe"));
  EXPECT_THAT(text_, HasSubstr("That holds for the static one, 198.51.100.253, as well."));
}

TEST_F(SuggestTest, DhclientsRouteIsOfTheLease) {
  world_.host.facts.addresses[1].valid_until = absl::FromUnixSeconds(1600);
  world_.AddDefault(2, "198.51.100.254", RTPROT_BOOT);
  EXPECT_THAT(Gateways(), IsEmpty());
}

TEST_F(SuggestTest, AGatewayOutsideOfTheSubnetsIsNotWritten) {
  world_.AddDefault(2, "203.0.113.1", RTPROT_STATIC);
  EXPECT_THAT(Gateways(), IsEmpty());
  EXPECT_THAT(text_, HasSubstr("outside of its subnets"));
}

TEST_F(SuggestTest, TheAgentsOwnRoutesAreNobodysGateways) {
  world_.AddDefault(2, "198.51.100.254", 83);
  EXPECT_THAT(Gateways(), IsEmpty());
  EXPECT_THAT(text_, Not(HasSubstr("198.51.100.254")));
}

TEST_F(SuggestTest, PrefixesBehindBridgesAndOnLoAreOffered) {
  world_.AddLink(9, "docker0", "bridge").carrier = false;
  world_.AddAddress(9, "192.0.2.129/25");
  world_.AddAddress(9, "fe80::1/64");
  world_.AddAddress(1, "203.0.113.5/32");
  world_.AddAddress(1, "::1/128");
  const Suggestion suggestion = Checked();
  ASSERT_THAT(suggestion.groups[0].prefixes, SizeIs(2));
  EXPECT_THAT(text_, HasSubstr("  #[[group.prefix]]\n  #prefix = \"192.0.2.128/25\"\n"
                               "  #home = \"eth0\"\n"));
  const LoadedConfig used = ParseConfig(TakenIntoUse(text_), "f");
  ASSERT_THAT(used.config.groups, SizeIs(1));
  EXPECT_THAT(used.config.groups[0].prefixes,
              ElementsAre(PrefixConfig{*IpPrefix::Parse("192.0.2.128/25"), "eth0"},
                          PrefixConfig{*IpPrefix::Parse("203.0.113.5/32"), "eth0"}));
}

TEST_F(SuggestTest, TooManyPrefixesAreCounted) {
  for (int i = 0; i < 20; ++i) {
    world_.AddAddress(1, absl::StrCat("203.0.113.", i + 1, "/32"));
  }
  const Suggestion suggestion = Checked();
  EXPECT_THAT(suggestion.groups[0].prefixes, SizeIs(16));
  EXPECT_THAT(suggestion.groups[0].notes, Contains(HasSubstr("4 more networks")));
}

TEST_F(SuggestTest, VlanChildrenAreNamed) {
  world_.AddLink(9, "eth0.5", "vlan").parent = k2;
  EXPECT_THAT(Checked().groups[0].notes,
              Contains(HasSubstr("pass eth0 untouched, so this group does nothing for eth0.5")));
}

TEST_F(SuggestTest, MoreMembersThanAGroupCanHave) {
  std::vector<uint32_t> all = {2, 3};
  for (uint8_t i = 4; i < 24; ++i) {
    world_.AddLink(i, absl::StrCat("n", i));
    all.push_back(i);
  }
  world_.Hear(all);
  const Suggestion suggestion = Checked();
  EXPECT_THAT(suggestion.groups[0].config.nics, SizeIs(16));
  EXPECT_THAT(world_.ReasonFor("n23", suggestion), HasSubstr("one of more than 16"));
}

TEST_F(SuggestTest, ManagersAndARunningAgentAreNoted) {
  world_.host.managers = {"NetworkManager", "dhclient", "systemd-networkd"};
  world_.host.agent_runs = true;
  EXPECT_THAT(Checked().notes,
              ElementsAre(AllOf(HasSubstr("IgnoreCarrierLoss=yes"),
                                HasSubstr("ConfigureWithoutCarrier=yes")),
                          HasSubstr("NetworkManager runs"), HasSubstr("stronghostd runs here")));
}

TEST_F(SuggestTest, OddNamesAreWrittenSoThatTheyReadBack) {
  for (const char* name : {"a\"b", "a\\b", "it's", "#x", "n\u00e4t0", "x]", "a,b", "\U0001f408"}) {
    world_.host.facts.links[k3].name = name;
    EXPECT_EQ(NicsOf(Checked()), (Names{{"eth0", name}}));
  }
  for (const char* name : {"a\x01z", "a\xffz", "\xc2\x9bz"}) {
    world_.host.facts.links[k3].name = name;
    const Suggestion suggestion = Checked();
    EXPECT_EQ(NicsOf(suggestion), (Names{{"eth0"}}));
    EXPECT_THAT(world_.ReasonFor(name, suggestion), HasSubstr("rename it"));
  }
}

TEST(Origin, TableOfAddresses) {
  const absl::Time now = absl::FromUnixSeconds(1000);
  const absl::Time later = absl::FromUnixSeconds(1090);
  struct Row {
    std::string ip;
    uint32_t flags = 0;
    uint8_t protocol = 0;
    absl::Time until = absl::InfiniteFuture();
    std::string origin;
  };
  const std::vector<Row> rows = {
      {.ip = "198.51.100.1/24", .flags = IFA_F_PERMANENT, .origin = "static"},
      {.ip = "198.51.100.1/24", .until = later, .origin = "DHCP, 90 s left"},
      {.ip = "198.51.100.1/24", .until = now - absl::Seconds(3), .origin = "DHCP, 0 s left"},
      {.ip = "fe80::1/64", .flags = IFA_F_PERMANENT, .origin = "link-local"},
      {.ip = "2001:db8::1/64", .flags = IFA_F_PERMANENT, .origin = "static"},
      {.ip = "2001:db8::1/64",
       .flags = IFA_F_PERMANENT | IFA_F_DADFAILED,
       .origin = "another host has it: duplicate address detection failed"},
      {.ip = "2001:db8::1/64",
       .protocol = 2,
       .until = later,
       .origin = "router advertisement, 90 s left"},
      {.ip = "2001:db8::1/64",
       .flags = IFA_F_MANAGETEMPADDR,
       .until = later,
       .origin = "router advertisement, 90 s left"},
      {.ip = "2001:db8::1/64",
       .flags = IFA_F_TEMPORARY,
       .until = later,
       .origin = "temporary (RFC 8981), 90 s left"},
      {.ip = "2001:db8::1/128", .until = later, .origin = "DHCPv6, 90 s left"},
      {.ip = "2001:db8::1/64",
       .until = later,
       .origin = "router advertisement or DHCPv6, 90 s left"},
  };
  for (const Row& row : rows) {
    const AddressFact address{.link = k2,
                              .ip = *IpPrefix::Parse(row.ip),
                              .flags = row.flags,
                              .protocol = row.protocol,
                              .valid_until = row.until};
    EXPECT_EQ(OriginOf(address, {}, now), row.origin) << row.ip;
  }
}

TEST(Origin, ADhcpDefaultRouteTellsOfALeaseWithoutEnd) {
  SuggestWorld world;
  world.AddLink(2, "eth0");
  const AddressFact leased = world.AddAddress(2, "198.51.100.1/24");
  const AddressFact other = world.AddAddress(2, "203.0.113.1/24");
  world.AddDefault(2, "198.51.100.254", RTPROT_DHCP);
  EXPECT_EQ(OriginOf(leased, world.host.facts, world.host.now), "DHCP, without an end");
  EXPECT_EQ(OriginOf(other, world.host.facts, world.host.now), "static");
}

}  // namespace
}  // namespace stronghost
