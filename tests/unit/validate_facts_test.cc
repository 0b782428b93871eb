#include "agent/decide/validate_facts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace stronghost {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

IpAddress Ip(const char* text) {
  return IpAddress::Parse(text).value();
}
IpPrefix Prefix(const char* text) {
  return IpPrefix::Parse(text).value();
}

auto Problem(FactSeverity severity, const std::string& path, const std::string& what,
             const std::string& mend) {
  return AllOf(Field("severity", &FactProblem::severity, severity),
               Field("path", &FactProblem::path, path),
               Field("message", &FactProblem::message, AllOf(HasSubstr(what), HasSubstr(mend))));
}

// A machine with eth0 (index 2) and eth1 (index 3), both in group 'front'.
class ValidateFactsTest : public testing::Test {
 protected:
  ValidateFactsTest() {
    AddLink(2, "eth0");
    AddLink(3, "eth1");
    config_.groups.push_back({.name = "front", .nics = {"eth0", "eth1"}});
  }

  LinkFact& AddLink(uint8_t index, const std::string& name) {
    LinkFact& link = facts_.links[IfIndex{index}];
    link = {.index = IfIndex{index}, .name = name, .mac = {{2, 0, 0, 0, 0, index}}, .mtu = 1500};
    return link;
  }
  LinkFact& Link(uint32_t index) { return facts_.links[IfIndex{index}]; }
  GroupConfig& group() { return config_.groups[0]; }

  void Find(uint32_t link, const char* ip) {
    facts_.addresses.push_back({.link = IfIndex{link}, .ip = Prefix(ip)});
  }
  void Explicit(const char* ip) { group().addresses.push_back({Prefix(ip), "eth0", {}}); }
  void Gateway(const char* ip) { group().gateways.push_back(Ip(ip)); }

  std::vector<FactProblem> Run() const { return ValidateFacts(config_, facts_); }

  Config config_;
  Facts facts_;
};

TEST_F(ValidateFactsTest, AnOrdinaryMachineHasNoProblem) {
  Find(2, "198.51.100.1/24");
  Find(3, "198.51.100.2/24");
  Find(2, "fe80::2/64");
  Explicit("198.51.100.3/24");
  Explicit("198.51.100.4/32");
  Explicit("fe80::99/64");
  Gateway("198.51.100.254");
  Gateway("fe80::fe");
  EXPECT_THAT(Run(), IsEmpty());
}

TEST_F(ValidateFactsTest, AMissingMemberIsToldButNotWrong) {
  group().standby = {"eth7"};
  EXPECT_THAT(Run(), ElementsAre(Problem(FactSeverity::kInfo, "group[0].standby[0]",
                                         "NIC 'eth7' of group 'front' is not there",
                                         "joins the group when it appears")));
}

TEST_F(ValidateFactsTest, APortOfABridgeOrBondIsRefused) {
  for (const char* kind : {"bridge", "bond", "team", "openvswitch", ""}) {
    AddLink(9, "over0").kind = kind;
    Link(3).master = IfIndex{9};
    EXPECT_THAT(Run(), ElementsAre(Problem(FactSeverity::kRefused, "group[0].nics[1]",
                                           absl::StrCat("'eth1' is a port of ", kind,
                                                        *kind == '\0' ? "" : " ", "'over0'"),
                                           "make 'over0' the member, or take 'eth1' out of it")))
        << kind;
  }
}

TEST_F(ValidateFactsTest, APortOfAnUnseenMasterIsRefused) {
  Link(2).master = IfIndex{77};
  EXPECT_THAT(Run(), ElementsAre(Problem(FactSeverity::kRefused, "group[0].nics[0]",
                                         "'eth0' is a port of interface number 77",
                                         "ip link set eth0 nomaster")));
}

TEST_F(ValidateFactsTest, AMemberOfAVrfIsWarnedAbout) {
  AddLink(9, "blue").kind = "vrf";
  Link(2).master = IfIndex{9};
  EXPECT_THAT(Run(), ElementsAre(Problem(FactSeverity::kWarning, "group[0].nics[0]",
                                         "'eth0' is in VRF 'blue'", "steering alone")));
}

TEST_F(ValidateFactsTest, AnInterfaceWithoutMacIsRefused) {
  AddLink(1, "lo").mac = {};
  AddLink(9, "wg0") = {.index = IfIndex{9}, .name = "wg0", .mtu = 1500, .kind = "wireguard"};
  group().nics = {"lo", "eth0", "wg0"};
  EXPECT_THAT(Run(),
              ElementsAre(Problem(FactSeverity::kRefused, "group[0].nics[0]",
                                  "'lo' is no Ethernet interface", "take it out of group 'front'"),
                          Problem(FactSeverity::kRefused, "group[0].nics[2]",
                                  "'wg0' (wireguard) is no Ethernet interface",
                                  "take it out of group 'front'")));
}

TEST_F(ValidateFactsTest, DifferentMtusAreWarnedAboutOnce) {
  AddLink(4, "eth2").mtu = 9000;
  group().nics.push_back("eth2");
  EXPECT_THAT(Run(), ElementsAre(Problem(FactSeverity::kWarning, "group[0].nics",
                                         "differ in MTU (eth0 1500, eth1 1500, eth2 9000)",
                                         "set the same on all")));
}

TEST_F(ValidateFactsTest, OneMacOnTwoMembersIsWarnedAbout) {
  Link(3).mac = Link(2).mac;
  EXPECT_THAT(Run(), ElementsAre(Problem(FactSeverity::kWarning, "group[0].nics[1]",
                                         "'eth0' and 'eth1' have one MAC, 02:00:00:00:00:02",
                                         "ip link set eth1 address")));
}

TEST_F(ValidateFactsTest, GroupsAreCheckedEachByItself) {
  AddLink(4, "eth2") = Link(2);
  Link(4).index = IfIndex{4};
  Link(4).name = "eth2";
  Link(4).mtu = 9000;
  config_.groups.push_back({.name = "back", .nics = {"eth2"}});
  Find(2, "198.51.100.1/24");
  Find(4, "203.0.113.1/24");
  config_.groups[1].gateways = {Ip("198.51.100.254")};
  EXPECT_THAT(Run(), ElementsAre(Problem(FactSeverity::kRefused, "group[1].gateways[0]",
                                         "gateway 198.51.100.254 lies in no subnet of group 'back'",
                                         "(203.0.113.0/24)")));
}

// The rules for subnets, one case each: addresses found on eth0, explicit addresses, gateways;
// and the severity of the one problem, if any.
struct SubnetCase {
  const char* name;
  std::vector<const char*> found;
  std::vector<const char*> explicit_ones;
  std::vector<const char*> gateways;
  const char* problem;  // start of the message; "" for none
  FactSeverity severity = FactSeverity::kRefused;
};

void PrintTo(const SubnetCase& row, std::ostream* out) {
  *out << row.name;
}

class SubnetRules : public ValidateFactsTest, public testing::WithParamInterface<SubnetCase> {};

TEST_P(SubnetRules, Hold) {
  for (const char* ip : GetParam().found) {
    Find(2, ip);
  }
  for (const char* ip : GetParam().explicit_ones) {
    Explicit(ip);
  }
  for (const char* ip : GetParam().gateways) {
    Gateway(ip);
  }
  if (*GetParam().problem == '\0') {
    EXPECT_THAT(Run(), IsEmpty());
    return;
  }
  EXPECT_THAT(Run(),
              ElementsAre(AllOf(Field(&FactProblem::severity, GetParam().severity),
                                Field(&FactProblem::message, AllOf(StartsWith(GetParam().problem),
                                                                   HasSubstr("correct it"))))));
}

INSTANTIATE_TEST_SUITE_P(
    Table, SubnetRules,
    testing::Values(
        // Addresses.
        SubnetCase{"InAFoundSubnet", {"198.51.100.1/24"}, {"198.51.100.9/32"}, {}, ""},
        SubnetCase{"Found", {"203.0.113.9/32", "198.51.100.1/24"}, {"203.0.113.9/32"}, {}, ""},
        SubnetCase{"HostAddressOutside",
                   {"198.51.100.1/24"},
                   {"203.0.113.9/32"},
                   {},
                   "203.0.113.9 lies in no subnet of group 'front' (198.51.100.0/24)"},
        SubnetCase{"OwnSubnetThatMatchesNothing",
                   {"198.51.100.1/24"},
                   {"203.0.113.9/24"},
                   {},
                   "203.0.113.9 lies in no subnet of group 'front'"},
        SubnetCase{"OwnSubnetWithItsGateway",
                   {"198.51.100.1/24"},
                   {"203.0.113.9/24"},
                   {"203.0.113.254"},
                   ""},
        SubnetCase{"OwnSubnetWithAnotherExplicitAddress",
                   {"198.51.100.1/24"},
                   {"203.0.113.9/24", "203.0.113.10/24"},
                   {},
                   ""},
        SubnetCase{"HostAddressInAnotherOnesOwnSubnet",
                   {"198.51.100.1/24"},
                   {"203.0.113.9/24", "203.0.113.10/32"},
                   {},
                   ""},
        SubnetCase{
            "OwnSubnetWithAFoundHostAddress", {"2001:db8::1000/128"}, {"2001:db8::9/64"}, {}, ""},
        SubnetCase{"OwnSubnetOfTheOnlyAddress", {}, {"203.0.113.9/24"}, {}, ""},
        SubnetCase{"OnlyAddressOfItsFamily",
                   {"198.51.100.1/24", "fe80::2/64"},
                   {"2001:db8::9/64"},
                   {},
                   ""},
        SubnetCase{"NoSubnetKnownYet",
                   {},
                   {"203.0.113.9/32"},
                   {},
                   "203.0.113.9 lies in no subnet of group 'front' (none known)",
                   FactSeverity::kWarning},
        SubnetCase{"LinkLocal", {"2001:db8::1/64"}, {"fe80::9/128"}, {}, ""},
        // Gateways.
        SubnetCase{"GatewayInAFoundSubnet", {"198.51.100.1/24"}, {}, {"198.51.100.254"}, ""},
        SubnetCase{"GatewayInAnExplicitSubnet", {}, {"203.0.113.9/24"}, {"203.0.113.1"}, ""},
        SubnetCase{"GatewayOutside",
                   {"198.51.100.1/25"},
                   {},
                   {"198.51.100.254"},
                   "gateway 198.51.100.254 lies in no subnet of group 'front' (198.51.100.0/25)"},
        SubnetCase{"GatewayOfAFamilyNotSeenYet",
                   {"198.51.100.1/24"},
                   {},
                   {"2001:db8::fe"},
                   "gateway 2001:db8::fe lies in no subnet of group 'front' (none known)",
                   FactSeverity::kWarning},
        SubnetCase{"GatewayLinkLocal", {"2001:db8::1/64"}, {}, {"fe80::fe"}, ""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(ValidateFactsTest, TwoAddressesThatMatchNothingDoNotVouchForEachOther) {
  Find(2, "198.51.100.1/24");
  Explicit("2001:db8::9/64");
  Explicit("2001:db8:0:1::9/64");
  EXPECT_THAT(Run(), ElementsAre(Problem(FactSeverity::kWarning, "group[0].address[0].ip",
                                         "2001:db8::9 lies in no subnet", "(none known)"),
                                 Problem(FactSeverity::kWarning, "group[0].address[1].ip",
                                         "2001:db8:0:1::9 lies in no subnet", "(none known)")));
}

TEST_F(ValidateFactsTest, AMissingMembersSubnetsMayBeTheOnesThatAreMissed) {
  Find(2, "198.51.100.1/24");
  group().nics.push_back("eth7");
  Explicit("203.0.113.9/32");
  Gateway("203.0.113.254");
  EXPECT_THAT(Run(), ElementsAre(Problem(FactSeverity::kInfo, "group[0].nics[2]", "eth7", ""),
                                 Problem(FactSeverity::kWarning, "group[0].address[0].ip",
                                         "203.0.113.9 lies in no subnet", ""),
                                 Problem(FactSeverity::kWarning, "group[0].gateways[0]",
                                         "gateway 203.0.113.254 lies in no subnet", "")));
}

TEST_F(ValidateFactsTest, AddressesOfOtherInterfacesSayNothing) {
  AddLink(9, "eth9");
  Find(2, "198.51.100.1/24");
  Find(9, "203.0.113.1/24");
  Explicit("203.0.113.9/32");
  EXPECT_THAT(Run(), ElementsAre(Problem(FactSeverity::kRefused, "group[0].address[0].ip",
                                         "203.0.113.9 lies in no subnet", "correct it")));
}

TEST_F(ValidateFactsTest, OnLinkRoutesThroughAMemberAreSubnets) {
  Find(2, "2001:db8::1000/128");
  Explicit("2001:db8::9/128");
  const RouteFact on_link{.table = 254, .destination = Prefix("2001:db8::/64"), .link = IfIndex{2}};
  facts_.routes = {on_link};
  EXPECT_THAT(Run(), IsEmpty());

  RouteFact other = on_link;
  other.link = IfIndex{9};
  RouteFact routed = on_link;
  routed.gateway = Ip("fe80::fe");
  RouteFact of_the_agent = on_link;
  of_the_agent.table = 5301;
  RouteFact everything = on_link;
  everything.destination = Prefix("::/0");
  for (const RouteFact& route : {other, routed, of_the_agent, everything}) {
    facts_.routes = {route};
    EXPECT_THAT(Run(), ElementsAre(Problem(FactSeverity::kWarning, "group[0].address[0].ip",
                                           "2001:db8::9 lies in no subnet", "correct it")));
  }
}

TEST_F(ValidateFactsTest, AnAddressesOwnGatewayIsCheckedAndCounts) {
  Find(2, "198.51.100.1/24");
  group().addresses = {{Prefix("203.0.113.9/24"), "eth0", {Ip("203.0.113.254")}}};
  EXPECT_THAT(Run(), IsEmpty());
  group().addresses = {{Prefix("198.51.100.9/32"), "eth0", {Ip("203.0.113.254")}}};
  EXPECT_THAT(Run(), ElementsAre(Problem(FactSeverity::kRefused, "group[0].address[0].gateways[0]",
                                         "gateway 203.0.113.254 lies in no subnet",
                                         "give a member an address of its subnet")));
}

TEST_F(ValidateFactsTest, AnAddressOfTheHostItselfIsNoGateway) {
  Find(2, "198.51.100.1/24");
  Find(3, "198.51.100.2/24");
  Gateway("198.51.100.1");
  group().addresses = {{Prefix("198.51.100.9/24"), "eth0", {Ip("198.51.100.2")}}};
  EXPECT_THAT(Run(), ElementsAre(Problem(FactSeverity::kRefused, "group[0].gateways[0]",
                                         "198.51.100.1 is this host's own", "another host's"),
                                 Problem(FactSeverity::kRefused, "group[0].address[0].gateways[0]",
                                         "198.51.100.2 is this host's own", "another host's")));
}

// Each pair looked at would be 100 million comparisons: well over the limit below.
TEST_F(ValidateFactsTest, ManyAddressesOfOneSubnetAreQuick) {
  const auto numbered = [](uint8_t net, uint32_t i) {
    const std::array<uint8_t, 4> bytes = {10, net, static_cast<uint8_t>(i >> 8U),
                                          static_cast<uint8_t>(i)};
    return IpAddress::FromBytes4(bytes.data());
  };
  for (uint32_t i = 1; i <= 10000; ++i) {
    facts_.addresses.push_back({.link = IfIndex{2}, .ip = {numbered(2, i), 32}});
    group().addresses.push_back({{numbered(1, i), 16}, "eth0", {}});
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(Run(), IsEmpty());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

TEST(FactSeverityNames, AreWords) {
  EXPECT_EQ(NameOf(FactSeverity::kInfo), "info");
  EXPECT_EQ(NameOf(FactSeverity::kWarning), "warning");
  EXPECT_EQ(NameOf(FactSeverity::kRefused), "refused");
}

}  // namespace
}  // namespace stronghost
