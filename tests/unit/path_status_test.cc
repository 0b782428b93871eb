// Dead gateways and paths in status: as JSON there and back, and for people.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/cli/views.h"
#include "agent/serve/status_json.h"
#include "tests/unit/serve_fixture.h"

namespace stronghost {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

StatusReport WithTrouble() {
  StatusReport report = testing::SampleStatus();
  GroupReport& group = report.groups[0];
  const absl::Time since = absl::FromUnixSeconds(1'700'000'000 - 7);
  group.nics[1].cause = "uplink";
  group.nics[1].cause_since = since;
  group.nics[1].mend = "look after the switch";
  group.gateways = {{.ip = "198.51.100.254",
                     .nic = "eth1",
                     .mac = {{2, 0, 0, 0, 3, 0}},
                     .state = "dead",
                     .since = since,
                     .heard = since - absl::Seconds(4)},
                    {.ip = "2001:db8::fe", .nic = "eth1", .state = "fine"}};
  return report;
}

TEST(PathStatusTest, JsonKeepsCausesAndGateways) {
  const auto back = StatusFromJson(StatusToJson(WithTrouble()));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, WithTrouble());
  EXPECT_TRUE(StatusToJson(WithTrouble())["groups"][0]["nics"][0]["cause"].is_null());
}

TEST(PathStatusTest, AnOlderDaemonKnowsNeither) {
  Json json = StatusToJson(WithTrouble());
  json["groups"][0].erase("gateways");
  json["groups"][0]["nics"][1].erase("cause");
  const auto back = StatusFromJson(json);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_TRUE(back->groups[0].gateways.empty());
}

TEST(PathStatusTest, PeopleSeeTheCauseTheMendAndWhatDoesNotAnswer) {
  ViewOptions options{.now = absl::FromUnixSeconds(1'700'000'000)};
  const std::string view = StatusView(WithTrouble(), options);
  EXPECT_THAT(view, HasSubstr("  eth1: uplink for 7s: look after the switch\n"));
  EXPECT_THAT(view, HasSubstr("  GATEWAY         NIC   STATE  SINCE  HEARD\n"
                              "  198.51.100.254  eth1  dead   7s     11s\n"));
  EXPECT_THAT(view, Not(HasSubstr("2001:db8::fe")));
  options.all = true;
  EXPECT_THAT(StatusView(WithTrouble(), options), HasSubstr("2001:db8::fe    eth1  fine"));
}

}  // namespace
}  // namespace stronghost
