// Checks of addresses, homes, gateways and probe targets; each with its place.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/unit/config_problems.h"

namespace stronghost {
namespace {

using testing::IsEmpty;

// Lines 1 to 3 of every input here.
#define GROUP "[[group]]\nname = \"a\"\nnics = [\"e\", \"f\"]\n"
#define GROUP_NO_ADOPT "[[group]]\nname = \"a\"\nnics = [\"e\", \"f\"]\nadopt = false\n"

class ConfigAddressFails : public testing::TestWithParam<FailingInput> {};

TEST_P(ConfigAddressFails, WithPlaceAndMend) {
  ExpectExactly(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Homes, ConfigAddressFails,
    testing::Values(
        FailingInput{"TwoHomes",
                     GROUP "address = [{ip = \"198.51.100.1/24\", home = \"e\"},\n"
                           "{ip = \"198.51.100.1/25\", home = \"f\"}]\n",
                     "5:7: ", "198.51.100.1 has two homes: e (line 4) and f",
                     "leave out one of the entries"},
        FailingInput{"TwoHomesInTwoGroups",
                     GROUP "address = [{ip = \"2001:db8::1/64\", home = \"e\"}]\n"
                           "[[group]]\nname = \"b\"\nnics = [\"g\"]\n"
                           "address = [{ip = \"2001:db8:0::1/64\", home = \"g\"}]\n",
                     "8:18: ", "2001:db8::1 has two homes: e (line 4) and g",
                     "leave out one of the entries"},
        FailingInput{"WrittenTwice",
                     GROUP "address = [{ip = \"198.51.100.1/24\", home = \"e\"},\n"
                           "{ip = \"198.51.100.1/24\", home = \"e\"}]\n",
                     "5:7: ", "198.51.100.1 is written twice (line 4)",
                     "leave out one of the entries"},
        FailingInput{"LinkLocalTwice",
                     GROUP "address = [{ip = \"fe80::1/64\", home = \"e\"},\n"
                           "{ip = \"fe80::1/64\", home = \"e\"}]\n",
                     "5:7: ", "fe80::1 is written twice (line 4)", "leave out one"},
        FailingInput{"NoMember", GROUP "address = [{ip = \"198.51.100.1/24\", home = \"g\"}]\n",
                     "4:44: ", "home 'g' is no member of group 'a'", "write one of e, f"},
        FailingInput{"NoHome", GROUP "address = [{ip = \"198.51.100.1/24\"}]\n",
                     "4:12: ", "the address has no home", "add home = \"eth0\""},
        FailingInput{"EmptyHome", GROUP "address = [{ip = \"198.51.100.1/24\", home = \"\"}]\n",
                     "4:44: ", "the address has no home", "add home = \"eth0\""}),
    NameOfInput);

INSTANTIATE_TEST_SUITE_P(
    OwnAddresses, ConfigAddressFails,
    testing::Values(
        FailingInput{"Multicast4", GROUP "address = [{ip = \"224.0.0.5/24\", home = \"e\"}]\n",
                     "4:18: ", "224.0.0.5 is a multicast address", "that a NIC can own"},
        FailingInput{"Multicast6", GROUP "address = [{ip = \"ff02::1/64\", home = \"e\"}]\n",
                     "4:18: ", "ff02::1 is a multicast address", "that a NIC can own"},
        FailingInput{"Loopback4", GROUP "address = [{ip = \"127.0.0.2/8\", home = \"e\"}]\n",
                     "4:18: ", "127.0.0.2 is a loopback address", "that a NIC can own"},
        FailingInput{"Loopback6", GROUP "address = [{ip = \"::1/128\", home = \"e\"}]\n",
                     "4:18: ", "::1 is a loopback address", "that a NIC can own"},
        FailingInput{"Unspecified4", GROUP "address = [{ip = \"0.0.0.0/0\", home = \"e\"}]\n",
                     "4:18: ", "0.0.0.0 is the unspecified address", "that a NIC can own"},
        FailingInput{"Unspecified6", GROUP "address = [{ip = \"::\", home = \"e\"}]\n",
                     "4:18: ", ":: is the unspecified address", "that a NIC can own"},
        FailingInput{"LimitedBroadcast",
                     GROUP "address = [{ip = \"255.255.255.255/32\", home = \"e\"}]\n",
                     "4:18: ", "255.255.255.255 is the broadcast address", "that a NIC can own"},
        FailingInput{"Network4", GROUP "address = [{ip = \"198.51.100.64/26\", home = \"e\"}]\n",
                     "4:18: ", "198.51.100.64 is the network address of 198.51.100.64/26",
                     "correct the prefix length"},
        FailingInput{"Network6", GROUP "address = [{ip = \"2001:db8::/64\", home = \"e\"}]\n",
                     "4:18: ", "2001:db8:: is the subnet-router anycast address",
                     "correct the prefix length"},
        FailingInput{"Broadcast4", GROUP "address = [{ip = \"198.51.100.127/26\", home = \"e\"}]\n",
                     "4:18: ", "198.51.100.127 is the broadcast address of 198.51.100.64/26",
                     "correct the prefix length"},
        FailingInput{"LengthZero", GROUP "address = [{ip = \"198.51.100.1/0\", home = \"e\"}]\n",
                     "4:18: ", "198.51.100.1/0 has prefix length 0", "such as /24"}),
    NameOfInput);

INSTANTIATE_TEST_SUITE_P(
    Gateways, ConfigAddressFails,
    testing::Values(
        FailingInput{"OwnGatewayWithoutRules",
                     GROUP "policy_rules = false\n"
                           "[[group.address]]\nip = \"198.51.100.1/24\"\nhome = \"e\"\n"
                           "gateway = \"198.51.100.254\"\n",
                     "8:11: ", "a gateway of its own needs policy rules",
                     "set policy_rules = true in group 'a', or leave the gateway out"},
        FailingInput{"OutsideOfAllSubnets",
                     GROUP_NO_ADOPT "gateways = [\"198.51.100.254\", \"203.0.113.254\"]\n"
                                    "address = [{ip = \"198.51.100.1/24\", home = \"e\"},\n"
                                    "{ip = \"2001:db8::1/64\", home = \"e\"}]\n",
                     "5:31: ", "gateway 203.0.113.254 lies in no subnet of the addresses",
                     "correct it or a prefix length"},
        FailingInput{"OfAFamilyWithoutAddresses",
                     GROUP_NO_ADOPT "gateways = [\"2001:db8::fe\"]\n"
                                    "address = [{ip = \"198.51.100.1/24\", home = \"e\"}]\n",
                     "5:13: ", "gateway 2001:db8::fe lies in no subnet of the addresses",
                     "correct it or a prefix length"},
        FailingInput{"OutsideOfItsAddress",
                     GROUP "[[group.address]]\nip = \"198.51.100.1/25\"\nhome = \"e\"\n"
                           "gateway = \"198.51.100.254\"\n",
                     "7:11: ", "gateway 198.51.100.254 lies outside of 198.51.100.0/25",
                     "correct it or the prefix length"},
        FailingInput{"BothKeys",
                     GROUP "[[group.address]]\nip = \"198.51.100.1/24\"\nhome = \"e\"\n"
                           "gateway = \"198.51.100.254\"\n"
                           "gateways = [\"198.51.100.254\", \"198.51.100.253\"]\n",
                     "8:12: ", "the address has both gateway and gateways",
                     "write all into gateways, the preferred one first"},
        FailingInput{"TwiceInTheGroup",
                     GROUP "gateways = [\"198.51.100.254\", \"fe80::1\", \"198.51.100.254\"]\n",
                     "4:42: ", "gateway 198.51.100.254 is written twice", "leave out one"},
        FailingInput{"TwiceForAnAddress",
                     GROUP "[[group.address]]\nip = \"198.51.100.1/24\"\nhome = \"e\"\n"
                           "gateways = [\"198.51.100.254\", \"198.51.100.254\"]\n",
                     "7:31: ", "gateway 198.51.100.254 is written twice", "leave out one"},
        FailingInput{"SecondOutsideOfItsAddress",
                     GROUP "[[group.address]]\nip = \"198.51.100.1/25\"\nhome = \"e\"\n"
                           "gateways = [\"198.51.100.2\", \"198.51.100.254\"]\n",
                     "7:29: ", "gateway 198.51.100.254 lies outside of 198.51.100.0/25",
                     "correct it or the prefix length"},
        FailingInput{"SecondOfTheOtherFamily",
                     GROUP "[[group.address]]\nip = \"2001:db8::1/64\"\nhome = \"e\"\n"
                           "gateways = [\"fe80::1\", \"198.51.100.254\"]\n",
                     "7:24: ", "are not of one family", "write an IPv6 gateway"},
        FailingInput{"BroadcastOfItsSubnet",
                     GROUP "[[group.address]]\nip = \"198.51.100.1/24\"\nhome = \"e\"\n"
                           "gateway = \"198.51.100.255\"\n",
                     "7:11: ", "gateway 198.51.100.255 is the broadcast address of 198.51.100.0/24",
                     "write another host's address"},
        FailingInput{"OfTheOtherFamily",
                     GROUP "[[group.address]]\nip = \"198.51.100.1/24\"\nhome = \"e\"\n"
                           "gateway = \"fe80::1\"\n",
                     "7:11: ", "are not of one family", "write an IPv4 gateway"},
        FailingInput{"OwnAddress",
                     GROUP "gateways = [\"198.51.100.1\"]\n"
                           "address = [{ip = \"198.51.100.1/24\", home = \"e\"}]\n",
                     "4:13: ", "gateway 198.51.100.1 is this host's own address (line 5)",
                     "write another host's address"},
        FailingInput{"OwnAddressOfAnotherGroup",
                     GROUP "gateways = [\"198.51.100.1\"]\n"
                           "[[group]]\nname = \"b\"\nnics = [\"g\"]\n"
                           "address = [{ip = \"198.51.100.1/24\", home = \"g\"}]\n",
                     "4:13: ", "is this host's own address (line 8)", "another host's"},
        FailingInput{"OwnAddressPerAddress",
                     GROUP "[[group.address]]\nip = \"198.51.100.1/24\"\nhome = \"e\"\n"
                           "gateway = \"198.51.100.1\"\n",
                     "7:11: ", "gateway 198.51.100.1 is this host's own address (line 5)",
                     "another host's"},
        FailingInput{"OwnLinkLocal",
                     GROUP "gateways = [\"fe80::1\"]\n"
                           "address = [{ip = \"fe80::1/64\", home = \"e\"}]\n",
                     "4:13: ", "gateway fe80::1 is this host's own address (line 5)",
                     "another host's"},
        FailingInput{"Multicast", GROUP "gateways = [\"224.0.0.1\"]\n",
                     "4:13: ", "gateway 224.0.0.1 is a multicast address", "another host's"},
        FailingInput{"Unspecified", GROUP "gateways = [\"0.0.0.0\"]\n",
                     "4:13: ", "gateway 0.0.0.0 is the unspecified address", "another host's"},
        FailingInput{"LoopbackTarget", GROUP "[group.detect]\nprobe_targets = [\"127.0.0.1\"]\n",
                     "5:18: ", "probe target 127.0.0.1 is a loopback address", "another host's"},
        FailingInput{"OwnTarget",
                     GROUP "address = [{ip = \"198.51.100.1/24\", home = \"e\"}]\n"
                           "[group.detect]\nprobe_targets = [\"198.51.100.1\"]\n",
                     "6:18: ", "probe target 198.51.100.1 is this host's own address (line 4)",
                     "another host's"}),
    NameOfInput);

TEST(ConfigAddress, WhatIsRightIsNotReported) {
  for (const char* text : {
           // Host bits of every kind of short subnet; a subnet of two has no network address.
           GROUP "address = [{ip = \"198.51.100.0/31\", home = \"e\"}]",
           GROUP "address = [{ip = \"198.51.100.1/31\", home = \"e\"}]",
           GROUP "address = [{ip = \"198.51.100.0/32\", home = \"e\"}]",
           GROUP "address = [{ip = \"198.51.100.255\", home = \"e\"}]",
           GROUP "address = [{ip = \"198.51.100.1/30\", home = \"e\"}]",
           GROUP "address = [{ip = \"2001:db8::/127\", home = \"e\"}]",
           GROUP "address = [{ip = \"2001:db8::/128\", home = \"e\"}]",
           GROUP "address = [{ip = \"2001:db8::ffff:ffff:ffff:ffff/64\", home = \"e\"}]",
           // One link-local address on two NICs; a home that is a further standby.
           GROUP "address = [{ip = \"fe80::1/64\", home = \"e\"}, {ip = \"fe80::1/64\", home = "
                 "\"f\"}]",
           GROUP "standby = [\"g\"]\naddress = [{ip = \"198.51.100.1/24\", home = \"g\"}]",
           // What adopt may bring, or host addresses leave open, is for the machine to say.
           GROUP "gateways = [\"203.0.113.254\"]\n"
                 "address = [{ip = \"198.51.100.1/24\", home = \"e\"}]",
           GROUP_NO_ADOPT "gateways = [\"203.0.113.254\"]",
           GROUP_NO_ADOPT "gateways = [\"203.0.113.254\"]\n"
                          "address = [{ip = \"198.51.100.1/32\", home = \"e\"}]",
           GROUP_NO_ADOPT "gateways = [\"198.51.100.254\", \"fe80::1\"]\n"
                          "address = [{ip = \"198.51.100.1/24\", home = \"e\"}]",
           GROUP "address = [{ip = \"198.51.100.1/32\", home = \"e\", gateway = "
                 "\"198.51.100.254\"}]",
           GROUP "address = [{ip = \"2001:db8::1/64\", home = \"e\", gateway = \"fe80::fe\"}]",
           // A link-local gateway is its own group's affair.
           GROUP "gateways = [\"fe80::1\"]\n[[group]]\nname = \"b\"\nnics = [\"g\"]\n"
                 "address = [{ip = \"fe80::1/64\", home = \"g\"}]",
       }) {
    EXPECT_THAT(ProblemsIn(text), IsEmpty()) << text;
  }
}

// A gateway is not measured against addresses that could not be read.
TEST(ConfigAddress, ABrokenAddressIsReportedAlone) {
  EXPECT_THAT(ProblemsIn(GROUP_NO_ADOPT
                         "gateways = [\"203.0.113.254\"]\n"
                         "address = [{ip = \"198.51.100.1/24\", home = \"e\"},\n"
                         "{ip = \"203.0.113.x/24\", home = \"e\", gateway = \"203.0.113.9\"}]"),
              testing::ElementsAre(testing::StartsWith("7:7: ip: '203.0.113.x'")));
}

}  // namespace
}  // namespace stronghost
