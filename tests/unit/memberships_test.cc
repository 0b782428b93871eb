#include "agent/act/memberships.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stronghost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kIgmp[] =
    "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
    "1\tlo        :     1      V3\n"
    "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
    "4\teth0      :     2      V2\n"
    "\t\t\t\tFB0000E0     1 0:00000000\t\t1\n"
    "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
    "12\tV1longname.100:     1      V3\n"
    "\t\t\t\t030201EF     1 1:00000064\t\t1\n"
    "13\teth9      :     0      V3\n";

constexpr char kIgmp6[] =
    "4    eth0            ff0200000000000000000001ff000001     1 00000004 0\n"
    "4    eth0            ff020000000000000000000000000001     1 0000000C 0\n"
    "12   V1longname.100  ff0200000000000000000000000000fb     2 00000004 0 and a later column\n";

IpAddress Ip(absl::string_view text) {
  return IpAddress::Parse(text).value();
}

TEST(MembershipsTest, ReadsGroupsAndVersionsOfEveryInterface) {
  const auto parsed = ParseMemberships(kIgmp, kIgmp6);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  const LinkMemberships& eth0 = parsed->at(IfIndex{4});
  EXPECT_EQ(eth0.igmp_version, 2);
  EXPECT_THAT(eth0.groups,
              ElementsAre(Ip("224.0.0.1"), Ip("224.0.0.251"), Ip("ff02::1"), Ip("ff02::1:ff00:1")));
  const LinkMemberships& vlan = parsed->at(IfIndex{12});
  EXPECT_EQ(vlan.igmp_version, 3) << "the V1 of its name is not its querier";
  EXPECT_THAT(vlan.groups, ElementsAre(Ip("239.1.2.3"), Ip("ff02::fb")));
  EXPECT_FALSE(parsed->contains(IfIndex{13})) << "in no group";
}

TEST(MembershipsTest, KernelsWithoutAFamilyHaveNoFile) {
  const auto parsed = ParseMemberships("", "");
  ASSERT_TRUE(parsed.ok());
  EXPECT_THAT(*parsed, IsEmpty());
}

TEST(MembershipsTest, SurprisesAreErrorsThatNameFileAndLine) {
  struct Row {
    const char* igmp;
    const char* igmp6;
    const char* says;
  };
  for (const Row& row : {
           Row{"head\n\t\t\t\t010000E0 1\n", "", "igmp line 2"},
           Row{"head\n4\teth0 : 1 V3\n\t\t\t\t0E0 1\n", "", "igmp line 3"},
           Row{"head\n4\teth0 : 1\n", "", "igmp line 2"},
           Row{"head\n4\teth0 1 V3\n", "", "igmp line 2"},
           Row{"head\nx\teth0 : 1 V3\n", "", "igmp line 2"},
           Row{"", "4 eth0 ff02000000000000000000000000001 1 0 0\n", "igmp6 line 1"},
           Row{"", "4 eth0\n", "igmp6 line 1"},
       }) {
    const auto parsed = ParseMemberships(row.igmp, row.igmp6);
    ASSERT_FALSE(parsed.ok()) << row.igmp << row.igmp6;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(row.says));
  }
}

}  // namespace
}  // namespace stronghost
