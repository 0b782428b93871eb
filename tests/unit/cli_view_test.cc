// What people read: tables, ages, and the whole of status and explain as golden texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "agent/cli/table.h"
#include "agent/cli/text.h"
#include "agent/cli/views.h"
#include "tests/unit/serve_fixture.h"

namespace stronghost {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const ViewOptions kNoon = {.now = absl::FromUnixSeconds(1'700'000'000)};

TEST(Table, AlignsColumnsWithoutTrailingBlanks) {
  Table table({"NIC", "STATE", ""});
  table.AddRow({{"eth0"}, {"up"}, {"x"}});
  table.AddRow({{"enp130s0f1np1"}, {"missing"}, {""}});
  table.AddRow({{"gr\xc3\xbc\xc3\x9f"}, {"up"}});
  EXPECT_EQ(table.Render(2, false),
            "  NIC            STATE\n"
            "  eth0           up       x\n"
            "  enp130s0f1np1  missing\n"
            "  gr\xc3\xbc\xc3\x9f           up\n");
}

TEST(Table, ColoursDoNotShiftColumns) {
  Table table({"A", "B"});
  table.AddRow({{"x", Tone::kBad}, {"y"}});
  table.AddRow({{"long"}, {"z", Tone::kGood}});
  EXPECT_EQ(table.Render(0, true),
            "\x1b[1mA\x1b[0m     \x1b[1mB\x1b[0m\n"
            "\x1b[31mx\x1b[0m     y\n"
            "long  \x1b[32mz\x1b[0m\n");
}

TEST(Text, NeverLetsATerminalObey) {
  EXPECT_EQ(Printable("a\x1b[31mb\nc\td\x7f"), "a?[31mb?c?d?");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\xc2?31m");
  EXPECT_EQ(Printable("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  Table table({"NIC"});
  table.AddRow({{"e\x1b]0;x\x07"}});
  EXPECT_EQ(table.Render(0, false), "NIC\ne?]0;x?\n");
}

TEST(Text, FormatsAgesWithTheTwoLargestUnits) {
  EXPECT_EQ(FormatAge(absl::ZeroDuration()), "0s");
  EXPECT_EQ(FormatAge(absl::Milliseconds(59'999)), "59s");
  EXPECT_EQ(FormatAge(absl::Seconds(60)), "1m 0s");
  EXPECT_EQ(FormatAge(absl::Seconds(133)), "2m 13s");
  EXPECT_EQ(FormatAge(absl::Seconds(3599)), "59m 59s");
  EXPECT_EQ(FormatAge(absl::Minutes(62)), "1h 2m");
  EXPECT_EQ(FormatAge(absl::Hours(24)), "1d 0h");
  EXPECT_EQ(FormatAge(absl::Hours(24 * 400 + 5)), "400d 5h");
  EXPECT_EQ(FormatAge(-absl::Seconds(5)), "0s");
  EXPECT_EQ(FormatAge(absl::InfiniteDuration()), "-");
}

TEST(StatusView, ReadsAtAGlance) {
  EXPECT_EQ(StatusView(testing::SampleStatus(), kNoon),
            R"(stronghostd 0.1.0  pid 4711  running for 3h 0m  carrier by egress, poll

group front  mac follow
  NIC   STATE  CARRIER  MAC                XDP      TC      SINCE
  eth0  down   no       02:00:5e:10:00:01  native   tcx     2m 13s
  eth1  up     yes      02:00:5e:10:00:02  generic  clsact  3h 0m
  eth1: generic XDP: the driver has no native one

  ADDRESS       HOME  WIRE  SINCE
  198.51.100.1  eth0  eth1  2m 13s
  2001:db8::1   eth0  eth1  2m 13s
  fe80::1%eth1  eth1  eth1  3h 0m

  PREFIX         HOME  WIRE
  192.0.2.64/28  eth0  eth1

  eth1 stands in for eth0: 2 addresses, for 2m 13s

group back  mac stay
  NIC   STATE    CARRIER  MAC  XDP  TC   SINCE
  eth2  missing  no       -    off  tcx  -

  ADDRESS      HOME  WIRE  SINCE
  203.0.113.1  eth2  none  -

  PREFIX           HOME  WIRE
  2001:db8:a::/64  eth2  none

problems
  eth2 is missing; is its driver loaded?
)");
}

TEST(StatusView, SaysWhenNothingIsConfigured) {
  EXPECT_THAT(StatusView({}, kNoon), HasSubstr("\nno group is configured\n"));
  EXPECT_THAT(StatusView({}, kNoon), Not(HasSubstr("problems")));
}

TEST(StatusView, ColoursOnlyWhenAskedTo) {
  EXPECT_THAT(StatusView(testing::SampleStatus(), kNoon), Not(HasSubstr("\x1b")));
  ViewOptions colored = kNoon;
  colored.color = true;
  const std::string view = StatusView(testing::SampleStatus(), colored);
  EXPECT_THAT(view, HasSubstr("\x1b[31mdown\x1b[0m"));
  EXPECT_THAT(view, HasSubstr("\x1b[32mup\x1b[0m"));
  EXPECT_THAT(view, HasSubstr("\x1b[33meth1\x1b[0m"));
}

TEST(StatusView, SumsUpAHomeWithMoreThanTwentyAddresses) {
  const std::string twenty = StatusView(testing::LargeStatus(20), kNoon);
  EXPECT_THAT(twenty, HasSubstr("2001:db8::14 "));
  const StatusReport many = testing::LargeStatus(21);
  const std::string summed = StatusView(many, kNoon);
  EXPECT_THAT(summed, HasSubstr("\n  21 addresses (--all)  eth0  eth1  0s\n"));
  EXPECT_THAT(summed, Not(HasSubstr("2001:db8::")));
  EXPECT_THAT(summed, HasSubstr("203.0.113.1"));  // the other home has one only
  EXPECT_THAT(summed, HasSubstr("eth1 stands in for eth0: 21 addresses"));
  ViewOptions all = kNoon;
  all.all = true;
  EXPECT_THAT(StatusView(many, all), HasSubstr("2001:db8::15 "));
}

TEST(ExplainView, ReadsAtAGlance) {
  EXPECT_EQ(ExplainView(testing::SampleExplain(), kNoon),
            R"(198.51.100.1 -> 203.0.113.9
home      eth0
wire      eth1
action    redirect
next hop  198.51.100.254
why       198.51.100.1 is owned by eth0
          eth0 has no carrier: eth1 stands in
)");
  EXPECT_EQ(ExplainView({.source = "203.0.113.1",
                         .destination = "203.0.113.2",
                         .action = "unmanaged",
                         .why = {"nobody owns 203.0.113.1"}},
                        kNoon),
            R"(203.0.113.1 -> 203.0.113.2
home      -
wire      -
action    unmanaged
next hop  -
why       nobody owns 203.0.113.1
)");
}

}  // namespace
}  // namespace stronghost
