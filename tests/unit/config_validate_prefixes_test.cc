// Checks of [[group.prefix]]; each with its place.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "maps/types.h"
#include "tests/unit/config_problems.h"

namespace stronghost {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Lines 1 to 3 of every input here.
#define GROUP "[[group]]\nname = \"a\"\nnics = [\"e\", \"f\"]\n"

class ConfigPrefixFails : public testing::TestWithParam<FailingInput> {};

TEST_P(ConfigPrefixFails, WithPlaceAndMend) {
  ExpectExactly(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Entries, ConfigPrefixFails,
    testing::Values(
        FailingInput{"NoPrefix", GROUP "prefix = [{home = \"e\"}]\n",
                     "4:11: ", "the entry has no prefix", "add prefix = \"203.0.113.64/28\""},
        FailingInput{"NoHome", GROUP "prefix = [{prefix = \"203.0.113.64/28\"}]\n",
                     "4:11: ", "the prefix has no home", "add home = \"eth0\""},
        FailingInput{"NoMember", GROUP "prefix = [{prefix = \"203.0.113.64/28\", home = \"g\"}]\n",
                     "4:47: ", "home 'g' is no member of group 'a'", "write one of e, f"},
        FailingInput{"UnknownKey",
                     GROUP "prefix = [{prefix = \"203.0.113.64/28\", home = \"e\", hom = 1}]\n",
                     "4:52: ", "unknown key 'hom' in [[group.prefix]]", "did you mean 'home'?"},
        FailingInput{"NoText", GROUP "prefix = [{prefix = 3, home = \"e\"}]\n",
                     "4:21: ", "prefix has an integer", "write a string such as"},
        FailingInput{"NoArray", GROUP "prefix = \"203.0.113.64/28\"\n",
                     "4:10: ", "prefix is a string", "write it as [[group.prefix]]"},
        FailingInput{"Misspelt", GROUP "[[group.prefxi]]\nhome = \"e\"\n",
                     "4:9: ", "unknown key 'prefxi'", "did you mean 'prefix'?"}),
    NameOfInput);

INSTANTIATE_TEST_SUITE_P(
    Networks, ConfigPrefixFails,
    testing::Values(
        FailingInput{"HostBits", GROUP "prefix = [{prefix = \"203.0.113.70/28\", home = \"e\"}]\n",
                     "4:21: ", "203.0.113.70/28 has bits behind its prefix length",
                     "write 203.0.113.64/28"},
        FailingInput{"Everything4", GROUP "prefix = [{prefix = \"0.0.0.0/0\", home = \"e\"}]\n",
                     "4:21: ", "0.0.0.0/0 is every address", "write the addresses of"},
        FailingInput{"Everything6", GROUP "prefix = [{prefix = \"::/0\", home = \"e\"}]\n",
                     "4:21: ", "::/0 is every address", "write the addresses of"},
        FailingInput{"Multicast4", GROUP "prefix = [{prefix = \"239.1.0.0/16\", home = \"e\"}]\n",
                     "4:21: ", "239.1.0.0/16 holds multicast addresses", "write a prefix"},
        FailingInput{"Multicast6", GROUP "prefix = [{prefix = \"ff05::/16\", home = \"e\"}]\n",
                     "4:21: ", "ff05::/16 holds multicast addresses", "write a prefix"},
        FailingInput{"Loopback4", GROUP "prefix = [{prefix = \"127.0.0.2\", home = \"e\"}]\n",
                     "4:21: ", "127.0.0.2/32 holds loopback addresses", "write a prefix"},
        FailingInput{"AroundLoopback4",
                     GROUP "prefix = [{prefix = \"64.0.0.0/2\", home = \"e\"}]\n",
                     "4:21: ", "64.0.0.0/2 holds loopback addresses", "write a prefix"},
        FailingInput{"LinkLocal4", GROUP "prefix = [{prefix = \"169.254.1.0/24\", home = \"e\"}]\n",
                     "4:21: ", "169.254.1.0/24 holds link-local addresses", "write a prefix"},
        FailingInput{"LinkLocal6", GROUP "prefix = [{prefix = \"fe80::/64\", home = \"e\"}]\n",
                     "4:21: ", "fe80::/64 holds link-local addresses", "write a prefix"},
        // It would own every IPv4 address: these are v4-mapped in the map.
        FailingInput{"AroundMapped", GROUP "prefix = [{prefix = \"::/64\", home = \"e\"}]\n",
                     "4:21: ", "::/64 holds loopback and IPv4-mapped", "write a prefix"},
        FailingInput{"Broadcast", GROUP "prefix = [{prefix = \"255.255.255.255\", home = \"e\"}]\n",
                     "4:21: ", "255.255.255.255/32 holds broadcast", "write a prefix"}),
    NameOfInput);

INSTANTIATE_TEST_SUITE_P(
    Overlaps, ConfigPrefixFails,
    testing::Values(
        FailingInput{"Narrower",
                     GROUP "prefix = [{prefix = \"203.0.113.0/24\", home = \"e\"},\n"
                           "{prefix = \"203.0.113.64/28\", home = \"f\"}]\n",
                     "5:11: ", "203.0.113.64/28 of f overlaps 203.0.113.0/24 of e (line 4)",
                     "split the wider one"},
        FailingInput{"Wider",
                     GROUP "prefix = [{prefix = \"2001:db8:c:1::/64\", home = \"e\"},\n"
                           "{prefix = \"2001:db8:c::/48\", home = \"f\"}]\n",
                     "5:11: ", "2001:db8:c::/48 of f overlaps 2001:db8:c:1::/64 of e (line 4)",
                     "give both one home"},
        FailingInput{"AcrossANestedOneOfTheSameHome",
                     GROUP "prefix = [{prefix = \"203.0.113.0/24\", home = \"e\"},\n"
                           "{prefix = \"203.0.113.64/26\", home = \"e\"},\n"
                           "{prefix = \"203.0.113.64/28\", home = \"f\"}]\n",
                     "6:11: ", "203.0.113.64/28 of f overlaps 203.0.113.64/26 of e (line 5)",
                     "split the wider one"},
        FailingInput{"InTwoGroups",
                     GROUP "prefix = [{prefix = \"203.0.113.64/28\", home = \"e\"}]\n"
                           "[[group]]\nname = \"b\"\nnics = [\"g\"]\n"
                           "prefix = [{prefix = \"203.0.113.64/28\", home = \"g\"}]\n",
                     "8:21: ", "203.0.113.64/28 has two homes: e (line 4) and g", "leave out one"},
        FailingInput{"WrittenTwice",
                     GROUP "prefix = [{prefix = \"203.0.113.64/28\", home = \"e\"},\n"
                           "{prefix = \"203.0.113.64/28\", home = \"e\"}]\n",
                     "5:11: ", "203.0.113.64/28 is written twice (line 4)", "leave out one"}),
    NameOfInput);

TEST(ConfigPrefix, IsReadWithItsHome) {
  const LoadedConfig loaded =
      ParseConfig(GROUP
                  "[[group.prefix]]\nprefix = \"203.0.113.64/28\"\nhome = \"f\"\n"
                  "[[group.prefix]]\nprefix = \"2001:db8:c::/64\"\nhome = \"e\"\n"
                  "[[group.prefix]]\nprefix = \"203.0.113.80\"\nhome = \"e\"\n",
                  "f");
  EXPECT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(loaded.config.groups.at(0).prefixes,
            (std::vector<PrefixConfig>{{*IpPrefix::Parse("203.0.113.64/28"), "f"},
                                       {*IpPrefix::Parse("2001:db8:c::/64"), "e"},
                                       {*IpPrefix::Parse("203.0.113.80/32"), "e"}}));
}

TEST(ConfigPrefix, NestedOnesOfOneHomeAndAddressesOfAnotherAreFine) {
  EXPECT_THAT(ProblemsIn(GROUP "adopt = false\n"
                               "prefix = [{prefix = \"203.0.113.0/24\", home = \"e\"},\n"
                               "{prefix = \"203.0.113.64/28\", home = \"e\"},\n"
                               "{prefix = \"203.0.112.0/24\", home = \"f\"}]\n"
                               "address = [{ip = \"203.0.113.9/24\", home = \"f\"}]\n"),
              IsEmpty());
}

TEST(ConfigPrefix, EverythingWrongIsToldAtOnce) {
  EXPECT_THAT(ProblemsIn(GROUP "prefix = [{prefix = \"203.0.113.1/24\", home = \"g\"},\n"
                               "{prefix = \"ff02::/16\", home = \"e\", x = 1}, 7]\n"),
              SizeIs(5));
}

TEST(ConfigPrefix, AsManyAsTheMapHoldsAndNoMore) {
  const auto with = [](int count) {
    std::string text = GROUP "prefix = [";
    for (int i = 0; i < count; ++i) {
      absl::StrAppend(&text, "{prefix = \"10.", i / 256, ".", i % 256, ".0/24\", home = \"e\"},\n");
    }
    return ProblemsIn(text + "]\n");
  };
  EXPECT_THAT(with(SH_PREFIXES_MAX), IsEmpty());
  EXPECT_THAT(with(SH_PREFIXES_MAX + 2),
              testing::ElementsAre(HasSubstr("there are more than 4096 prefixes")));
}

}  // namespace
}  // namespace stronghost
