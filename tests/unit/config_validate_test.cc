// Checks of paths, names, members and times; each with its place.
#include "agent/config/validate.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/unit/config_problems.h"

namespace stronghost {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class ConfigValidateFails : public testing::TestWithParam<FailingInput> {};

TEST_P(ConfigValidateFails, WithPlaceAndMend) {
  ExpectExactly(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Agent, ConfigValidateFails,
    testing::Values(FailingInput{"SocketRelative", "[agent]\nsocket = \"s.sock\"\n",
                                 "2:10: ", "socket 's.sock' is no absolute path", "begin with '/'"},
                    FailingInput{"PinDirRelative", "[agent]\npin_dir = \"bpf\"\n",
                                 "2:11: ", "pin_dir 'bpf' is no absolute path", "begin with '/'"},
                    FailingInput{"StateDirEmpty", "[agent]\nstate_dir = \"\"\n",
                                 "2:13: ", "state_dir '' is no absolute path", "begin with '/'"},
                    FailingInput{"CgroupRelative", "[agent]\ncgroup = \"dns\"\n",
                                 "2:10: ", "cgroup 'dns' is no absolute path", "begin with '/'"},
                    FailingInput{"MetricsNoPort", "[agent]\nmetrics = \"127.0.0.1\"\n", "2:11: ",
                                 "metrics: '127.0.0.1' is not host:port", "127.0.0.1:9842"},
                    FailingInput{"MetricsPortTooLarge", "[agent]\nmetrics = \"127.0.0.1:65536\"\n",
                                 "2:11: ", "is not host:port", "127.0.0.1:9842"}),
    NameOfInput);

INSTANTIATE_TEST_SUITE_P(
    Groups, ConfigValidateFails,
    testing::Values(
        FailingInput{"NoName", "\n[[group]]\nnics = [\"e\"]\n", "2:1: ", "the group has no name",
                     "add name = \"front\""},
        FailingInput{"EmptyName", "[[group]]\nname = \"\"\nnics = [\"e\"]\n",
                     "2:8: ", "the group has no name", "add name = \"front\""},
        FailingInput{"NameTwice",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[[group]]\nname = \"a\"\n"
                     "nics = [\"f\"]\n",
                     "5:8: ", "a second group is named 'a'; the first (line 2)",
                     "choose another one"},
        FailingInput{"NoNics", "[[group]]\nname = \"a\"\n", "1:1: ", "group 'a' has no NICs",
                     "add nics = [\"eth0\", \"eth1\"]"},
        FailingInput{"EmptyNics", "[[group]]\nname = \"a\"\nnics = []\n",
                     "3:8: ", "group 'a' has no NICs", "add nics ="},
        FailingInput{"NicTwice", "[[group]]\nname = \"a\"\nnics = [\"e\", \"f\", \"e\"]\n",
                     "3:19: ", "nics names 'e' twice (line 3)", "leave out one of them"},
        FailingInput{"StandbyTwice",
                     "[[group]]\nname = \"a\"\nnics = [\"f\"]\nstandby = [\"e\", \"e\"]\n",
                     "4:17: ", "standby names 'e' twice (line 4)", "leave out one of them"},
        FailingInput{"NicInTwoGroups",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[[group]]\nname = \"b\"\n"
                     "nics = [\"f\", \"e\"]\n",
                     "6:14: ", "'e' is in two groups: group 'a' (line 3) and group 'b'",
                     "take it out of one"},
        FailingInput{"StandbyInTwoGroups",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[[group]]\nname = \"b\"\n"
                     "nics = [\"f\"]\nstandby = [\"e\"]\n",
                     "7:12: ", "'e' is in two groups: group 'a' (line 3) and group 'b'",
                     "take it out of one"},
        FailingInput{
            "OnlyMemberStandsBy", "[[group]]\nname = \"a\"\nnics = [\"e\"]\nstandby = [\"e\"]\n",
            "4:11: ", "standby names every member of group 'a'", "take one NIC out of standby"},
        FailingInput{"AllMembersStandBy", "[[group]]\nname = \"a\"\nstandby = [\"e\", \"f\"]\n",
                     "3:11: ", "standby names every member of group 'a'",
                     "take one NIC out of standby"}),
    NameOfInput);

INSTANTIATE_TEST_SUITE_P(
    NicNames, ConfigValidateFails,
    testing::Values(
        FailingInput{"Empty", "[[group]]\nname = \"a\"\nnics = [\"e\", \"\"]\n",
                     "3:14: ", "nics: '' is no NIC name: it is empty", "as 'ip link' shows it"},
        FailingInput{"TooLong", "[[group]]\nname = \"a\"\nnics = [\"abcdefghijklmnop\"]\n",
                     "3:9: ", "is longer than 15 bytes", "as 'ip link' shows it"},
        FailingInput{"Slash", "[[group]]\nname = \"a\"\nnics = [\"e/f\"]\n",
                     "3:9: ", "contains '/', ':' or whitespace", "as 'ip link' shows it"},
        FailingInput{"Blank", "[[group]]\nname = \"a\"\nnics = [\"e\"]\nstandby = [\"e f\"]\n",
                     "4:12: ", "standby: 'e f' is no NIC name", "as 'ip link' shows it"},
        FailingInput{"Dots", "[[group]]\nname = \"a\"\nnics = [\"..\"]\n",
                     "3:9: ", "is a folder's name", "as 'ip link' shows it"}),
    NameOfInput);

INSTANTIATE_TEST_SUITE_P(
    Times, ConfigValidateFails,
    testing::Values(
        FailingInput{"FailbackNegative",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\nfailback = \"-5s\"\n",
                     "4:12: ", "failback is -5s", "write a time of \"0s\" or more, or \"never\""},
        FailingInput{"RelocateNegative",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\nrelocate_after = \"-1ms\"\n",
                     "4:18: ", "relocate_after is -1ms", "or \"never\""},
        FailingInput{"PollTooFast",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[group.detect]\n"
                     "carrier_poll = \"999us\"\n",
                     "5:16: ", "carrier_poll is 999us", "from \"1ms\" to \"10s\""},
        FailingInput{"PollTooSlow",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[group.detect]\n"
                     "carrier_poll = \"10001ms\"\n",
                     "5:16: ", "carrier_poll is 10.001s", "from \"1ms\" to \"10s\""}),
    NameOfInput);

TEST(ConfigValidate, EdgesAreInside) {
  for (const char* line :
       {"failback = \"0\"", "failback = \"never\"", "relocate_after = \"0s\"",
        "[group.detect]\ncarrier_poll = \"1ms\"", "[group.detect]\ncarrier_poll = \"10s\"",
        "standby = [\"f\"]", "standby = [\"spare0\"]"}) {
    EXPECT_THAT(ProblemsIn(absl::StrCat("[[group]]\nname = \"a\"\nnics = [\"e\", \"f\"]\n", line)),
                IsEmpty())
        << line;
  }
  EXPECT_THAT(ProblemsIn("[agent]\nmetrics = \"\"\n"), IsEmpty());
}

TEST(ConfigValidate, SocketPathFitsIntoItsAddress) {
  const std::string longest = "/" + std::string(106, 's');
  EXPECT_THAT(ProblemsIn(absl::StrCat("[agent]\nsocket = \"", longest, "\"\n")), IsEmpty());
  EXPECT_THAT(ProblemsIn(absl::StrCat("[agent]\nsocket = \"", longest, "s\"\n")),
              ElementsAre(AllOf(StartsWith("2:10: socket is 108 bytes long"),
                                HasSubstr("choose a shorter path"))));
}

// A group with members PREFIX0 to PREFIX(n-1), one a line.
std::string Group(const std::string& name, int members) {
  std::vector<std::string> nics;
  for (int i = 0; i < members; ++i) {
    nics.push_back(absl::StrCat("\"", name, i, "\""));
  }
  return absl::StrCat("[[group]]\nname = \"", name, "\"\nnics = [", absl::StrJoin(nics, ",\n"),
                      "]\n");
}

TEST(ConfigValidate, AGroupHasAtMostSixteenMembers) {
  EXPECT_THAT(ProblemsIn(Group("a", 16)), IsEmpty());
  EXPECT_THAT(ProblemsIn(Group("a", 18)),
              ElementsAre(AllOf(StartsWith("19:1: group 'a' has 18 members; 16 is the most"),
                                HasSubstr("make two groups"))));
  EXPECT_THAT(ProblemsIn(Group("a", 16) + "standby = [\"b\"]\n"),
              ElementsAre(StartsWith("19:12: group 'a' has 17 members")));
}

TEST(ConfigValidate, AllGroupsHaveAtMost255Members) {
  std::string text;
  for (char c = 'a'; c < 'a' + 15; ++c) {
    text += Group(std::string(1, c), 16);
  }
  EXPECT_THAT(ProblemsIn(text + Group("z", 15)), IsEmpty());
  // 15 groups of 18 lines each, two lines of the last group, then its 16th member.
  EXPECT_THAT(ProblemsIn(text + Group("z", 16)),
              ElementsAre(AllOf(StartsWith("288:1: the groups have 256 members in all; 255"),
                                HasSubstr("take some out"))));
}

TEST(ConfigValidate, AConfigWithoutAFileHasProblemsWithoutAPlace) {
  Config config;
  config.pin_dir = "bpf";
  const std::vector<ConfigProblem> problems = ValidateConfig(config, SourceMap("<built>"));
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_THAT(problems[0].ToString(), StartsWith("<built>: pin_dir 'bpf'"));
}

TEST(GroupConfig, MembersAreNicsAndThenFurtherStandbys) {
  const GroupConfig group{.nics = {"b", "a"}, .standby = {"c", "a"}};
  EXPECT_THAT(group.Members(), ElementsAre("b", "a", "c"));
  EXPECT_TRUE(group.IsStandby("a"));
  EXPECT_TRUE(group.IsStandby("c"));
  EXPECT_FALSE(group.IsStandby("b"));
}

}  // namespace
}  // namespace stronghost
