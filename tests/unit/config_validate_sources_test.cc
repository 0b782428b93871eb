// Checks of [group.source]; each with its place.
#include <gtest/gtest.h>

#include "tests/unit/config_problems.h"

namespace stronghost {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

// Lines 1 to 5 of every input here.
#define SOURCE                                                       \
  "[[group]]\nname = \"a\"\nnics = [\"e\", \"f\"]\n[group.source]\n" \
  "choose = \"spread\"\n"

class ConfigSourceFails : public testing::TestWithParam<FailingInput> {};

TEST_P(ConfigSourceFails, WithPlaceAndMend) {
  ExpectExactly(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Keys, ConfigSourceFails,
    testing::Values(
        FailingInput{"UnknownChoice",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\nsource = {choose = \"sprad\"}\n",
                     "4:20: ", "choose cannot be 'sprad'", "did you mean 'spread'?"},
        FailingInput{"UnknownKey", SOURCE "prefr = []\n",
                     "6:1: ", "unknown key 'prefr' in [group.source]", "did you mean 'prefer'?"},
        FailingInput{"NoTable", "[[group]]\nname = \"a\"\nnics = [\"e\"]\nsource = \"spread\"\n",
                     "4:10: ", "source is a string", "write it as [group.source]"},
        FailingInput{"NoAddress", SOURCE "prefer = [\"eth0\"]\n", "6:11: ", "prefer: ", "eth0"},
        FailingInput{"NoWeights", SOURCE "weights = [1, 2]\n", "6:11: ", "weights is an array",
                     "{ \"198.51.100.1\" = 3 }"},
        FailingInput{"NoEffect",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[group.source]\n"
                     "prefer = [\"198.51.100.1\"]\n",
                     "5:10: ", "prefer has no effect while routing chooses", "choose = \"spread\""},
        FailingInput{"NoCgroup",
                     "agent = {cgroup = \"\"}\n[[group]]\nname = \"a\"\nnics = [\"e\"]\n"
                     "[group.source]\nchoose = \"spread\"\n",
                     "6:10: ", "agent.cgroup is \"\"", "set cgroup = \"auto\""},
        FailingInput{"MarkBits", "[agent]\nreply_mark = 0x53480001\n",
                     "2:14: ", "its low 8 bits are needed", "such as 0x53480000"},
        FailingInput{"MarkTooLarge", "[agent]\nreply_mark = 0x80000000\n",
                     "2:14: ", "reply_mark is 2147483648", "write 0 to"}),
    NameOfInput);

INSTANTIATE_TEST_SUITE_P(
    WeightsAndAddresses, ConfigSourceFails,
    testing::Values(
        FailingInput{"Zero", SOURCE "weights = { \"198.51.100.1\" = 0 }\n",
                     "6:30: ", "the weight of 198.51.100.1 is 0", "naming it under avoid"},
        FailingInput{"Negative", SOURCE "weights = { \"198.51.100.1\" = -3 }\n",
                     "6:30: ", "the weight of 198.51.100.1 is -3", "write 1 to 100"},
        FailingInput{"TooLarge", SOURCE "weights = { \"198.51.100.1\" = 9223372036854775807 }\n",
                     "6:30: ", "is 9223372036854775807", "write 1 to 100"},
        FailingInput{"NoNumber", SOURCE "weights = { \"198.51.100.1\" = \"3\" }\n",
                     "6:30: ", "the weight of 198.51.100.1 is a string", "no quotes"},
        FailingInput{"OfNoAddress", SOURCE "weights = { eth0 = 3 }\n",
                     "6:13: ", "weights: ", "eth0"},
        FailingInput{"TwiceInTwoSpellings",
                     SOURCE "weights = { \"2001:db8::1\" = 3, \"2001:DB8:0::1\" = 4 }\n",
                     "6:", "names 2001:db8::1 twice (line 6)", "leave out one"},
        FailingInput{"PreferredAndAvoided",
                     SOURCE "prefer = [\"198.51.100.1\"]\navoid = [\"198.51.100.1\"]\n",
                     "7:10: ", "198.51.100.1 is preferred (line 6) and avoided", "out of one"},
        FailingInput{"Twice", SOURCE "avoid = [\"198.51.100.1\", \"198.51.100.1\"]\n",
                     "6:26: ", "avoid names 198.51.100.1 twice", "leave out one"},
        FailingInput{"Multicast", SOURCE "prefer = [\"224.0.0.1\"]\n",
                     "6:11: ", "a multicast address", "write an address of the group"},
        FailingInput{"LinkLocal", SOURCE "avoid = [\"fe80::1\"]\n",
                     "6:10: ", "link-local addresses are never chosen", "write another"},
        FailingInput{"OfAnotherGroup",
                     SOURCE "prefer = [\"198.51.100.1\"]\n[[group]]\nname = \"b\"\nnics = [\"g\"]\n"
                            "address = [{ip = \"198.51.100.1/24\", home = \"g\"}]\n",
                     "6:11: ", "which belongs to group 'b'", "write an address of group 'a'"},
        FailingInput{"NotAdopted",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\nadopt = false\n"
                     "source = {choose = \"spread\", prefer = [\"198.51.100.1\"]}\n",
                     "5:40: ", "which group 'a' has not", "set adopt = true"}),
    NameOfInput);

TEST(ConfigSource, IsRead) {
  const LoadedConfig loaded = ParseConfig(SOURCE
                                          "prefer = [\"198.51.100.1\"]\navoid = [\"2001:db8::1\"]\n"
                                          "weights = { \"198.51.100.1\" = 100 }\n",
                                          "f");
  EXPECT_THAT(loaded.problems, IsEmpty());
  const SourceConfig& source = loaded.config.groups.at(0).source;
  EXPECT_EQ(source.choose, SourceChoice::kSpread);
  EXPECT_EQ(source.prefer, std::vector<IpAddress>{*IpAddress::Parse("198.51.100.1")});
  EXPECT_EQ(source.avoid, std::vector<IpAddress>{*IpAddress::Parse("2001:db8::1")});
  EXPECT_EQ(source.weights,
            (std::vector<std::pair<IpAddress, int>>{{*IpAddress::Parse("198.51.100.1"), 100}}));
  EXPECT_EQ(ParseConfig("[agent]\nreply_mark = 0\n", "f").config.reply_mark, 0);
}

TEST(ConfigSource, EverythingWrongIsToldAtOnce) {
  EXPECT_THAT(ProblemsIn(SOURCE "prefer = [\"fe80::1\", 3]\navoid = [\"127.0.0.1\"]\n"
                                "weights = { \"198.51.100.1\" = 0, \"x\" = 1 }\nfoo = 1\n"),
              SizeIs(6));
}

}  // namespace
}  // namespace stronghost
