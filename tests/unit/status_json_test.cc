// The JSON of status and explain: the contract's keys, and nothing lost on the way.
#include "agent/serve/status_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/serve_fixture.h"

namespace stronghost {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::SampleExplain;
using testing::SampleStatus;

TEST(StatusJson, HasTheKeysOfTheContract) {
  const Json json = StatusToJson(SampleStatus());
  const Json& group = json["groups"][0];
  EXPECT_EQ(group["name"], "front");
  EXPECT_EQ(group["mac"], "follow");
  const Json& nic = group["nics"][0];
  EXPECT_EQ(nic["name"], "eth0");
  EXPECT_EQ(nic["ifindex"], 2);
  EXPECT_EQ(nic["mac"], "02:00:5e:10:00:01");
  EXPECT_EQ(nic["state"], "down");
  const Json& address = group["addresses"][0];
  EXPECT_EQ(address["ip"], "198.51.100.1");
  EXPECT_EQ(address["home"], "eth0");
  EXPECT_EQ(address["wire"], "eth1");
  EXPECT_EQ(group["prefixes"],
            Json::array({{{"prefix", "192.0.2.64/28"}, {"home", "eth0"}, {"wire", "eth1"}}}));
  EXPECT_EQ(json["counters"]["in_deliver"], 7);
  EXPECT_EQ(json["counters"]["out_pass"], 18446744073709551615U);
}

TEST(StatusJson, TellsWhatIsNotThere) {
  const Json json = StatusToJson(SampleStatus());
  const Json& back = json["groups"][1];
  EXPECT_TRUE(back["addresses"][0]["wire"].is_null());
  EXPECT_TRUE(back["addresses"][0]["since"].is_null());
  EXPECT_TRUE(back["prefixes"][0]["wire"].is_null());
  EXPECT_EQ(back["nics"][0]["ifindex"], 0);
  EXPECT_EQ(back["nics"][0]["mac"], "");
}

TEST(StatusJson, DerivesTheStandIns) {
  const Json json = StatusToJson(SampleStatus());
  const Json expected = {{{"home", "eth0"},
                          {"wire", "eth1"},
                          {"addresses", 2},
                          {"since", "2023-11-14T22:11:07+00:00"}}};
  EXPECT_EQ(json["groups"][0]["stand_ins"], Json::array({expected[0]}));
  EXPECT_EQ(json["groups"][1]["stand_ins"], Json::array());
}

TEST(StatusJson, HasEmptyListsAndNotNullForAnEmptyStatus) {
  const Json json = StatusToJson(StatusReport{});
  EXPECT_EQ(json["groups"], Json::array());
  EXPECT_EQ(json["counters"], Json::object());
  EXPECT_EQ(json["problems"], Json::array());
}

TEST(StatusJson, SurvivesTheRoundTripAsText) {
  for (const StatusReport& report : {SampleStatus(), StatusReport{}, testing::LargeStatus(100)}) {
    const auto json = ParseJson(JsonText(StatusToJson(report)));
    ASSERT_TRUE(json.ok()) << json.status();
    const auto back = StatusFromJson(*json);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, report);
  }
}

TEST(StatusJson, KeepsTimesToTheNanosecond) {
  StatusReport report = SampleStatus();
  report.groups[0].nics[0].since = absl::FromUnixNanos(1'700'000'000'123'456'789);
  const auto back = StatusFromJson(StatusToJson(report));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->groups[0].nics[0].since, report.groups[0].nics[0].since);
}

TEST(StatusJson, IgnoresKeysThatItDoesNotKnow) {
  Json json = StatusToJson(SampleStatus());
  json["new"] = 1;
  json["groups"][0]["nics"][0]["new"] = {1, 2};
  json["groups"][0]["nics"][0]["state"] = "hibernating";
  const auto back = StatusFromJson(json);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->groups[0].nics[0].state, "hibernating");
}

TEST(StatusJson, RefusesFieldsOfAnotherType) {
  const std::vector<std::string> fields = {"/groups",
                                           "/groups/0",
                                           "/groups/0/name",
                                           "/groups/0/mac",
                                           "/groups/0/nics",
                                           "/groups/0/nics/0",
                                           "/groups/0/nics/0/name",
                                           "/groups/0/nics/0/ifindex",
                                           "/groups/0/nics/0/mac",
                                           "/groups/0/nics/0/state",
                                           "/groups/0/nics/0/home",
                                           "/groups/0/nics/0/carrier",
                                           "/groups/0/nics/0/notes",
                                           "/groups/0/nics/0/since",
                                           "/groups/0/addresses",
                                           "/groups/0/addresses/0",
                                           "/groups/0/addresses/0/ip",
                                           "/groups/0/addresses/0/home",
                                           "/groups/0/addresses/0/wire",
                                           "/counters",
                                           "/counters/in_deliver",
                                           "/nic_counters",
                                           "/nic_counters/eth0",
                                           "/nic_counters/eth0/out_pass",
                                           "/nic_counters/eth0/out_pass/bytes",
                                           "/problems",
                                           "/problems/0",
                                           "/agent",
                                           "/agent/pid",
                                           "/agent/started",
                                           "/agent/carrier_signals",
                                           "/agent/no_fentry"};
  // No field is a fraction, and no list holds numbers.
  for (const std::string& field : fields) {
    for (const Json& wrong : {Json(-1.5), Json::array({1})}) {
      Json json = StatusToJson(SampleStatus());
      json[Json::json_pointer(field)] = wrong;
      const auto back = StatusFromJson(json);
      EXPECT_TRUE(absl::IsInvalidArgument(back.status())) << field << " = " << wrong;
    }
  }
}

TEST(StatusJson, RefusesTimesAndMacsThatAreNone) {
  for (const char* field : {"/agent/started", "/groups/0/nics/0/since",
                            "/groups/0/addresses/0/since", "/groups/0/nics/0/mac"}) {
    Json json = StatusToJson(SampleStatus());
    json[Json::json_pointer(field)] = "yesterday";
    EXPECT_TRUE(absl::IsInvalidArgument(StatusFromJson(json).status())) << field;
  }
}

TEST(StatusJson, NamesWhatIsMissing) {
  EXPECT_THAT(std::string(StatusFromJson(Json::object()).status().message()),
              HasSubstr("status.groups"));
  EXPECT_FALSE(StatusFromJson(Json::array()).ok());
  Json json = StatusToJson(SampleStatus());
  json["groups"][0]["nics"][0].erase("state");
  EXPECT_THAT(std::string(StatusFromJson(json).status().message()), HasSubstr("nics[].state"));
}

TEST(StatusPieces, PutsTheHeadFirstAndThenNoPieceOverTheChunk) {
  StatusReport report = testing::LargeStatus(5);
  report.groups.insert(report.groups.begin(), GroupReport{.name = "empty"});
  StatusPieces pieces(report, 2);
  std::vector<size_t> sizes;
  StatusReport merged;
  while (!pieces.done()) {
    const Json piece = pieces.Next();
    size_t addresses = 0;
    for (const Json& group : piece["groups"]) {
      addresses += group["addresses"].size();
    }
    sizes.push_back(addresses);
    MergeStatus(*StatusFromJson(piece), &merged);
  }
  EXPECT_THAT(sizes, ElementsAre(0, 2, 2, 1, 1));
  EXPECT_EQ(merged, report);
}

TEST(StatusPieces, IsOnePieceWithoutAddresses) {
  StatusPieces pieces(StatusReport{});
  EXPECT_FALSE(pieces.done());
  EXPECT_EQ(pieces.Next(), StatusToJson(StatusReport{}));
  EXPECT_TRUE(pieces.done());
}

TEST(ExplainJson, HasTheKeysOfTheContractAndSurvivesTheRoundTrip) {
  const Json json = ExplainToJson(SampleExplain());
  EXPECT_EQ(
      json,
      Json({{"source", "198.51.100.1"},
            {"destination", "203.0.113.9"},
            {"home", "eth0"},
            {"wire", "eth1"},
            {"action", "redirect"},
            {"next_hop", "198.51.100.254"},
            {"why", {"198.51.100.1 is owned by eth0", "eth0 has no carrier: eth1 stands in"}}}));
  EXPECT_EQ(*ExplainFromJson(json), SampleExplain());
}

TEST(ExplainJson, SaysNullForWhatAnUnmanagedPacketLacks) {
  const ExplainReport unmanaged{
      .source = "203.0.113.1", .destination = "203.0.113.2", .action = "unmanaged"};
  const Json json = ExplainToJson(unmanaged);
  EXPECT_TRUE(json["home"].is_null());
  EXPECT_TRUE(json["wire"].is_null());
  EXPECT_TRUE(json["next_hop"].is_null());
  EXPECT_EQ(json["why"], Json::array());
  EXPECT_EQ(*ExplainFromJson(json), unmanaged);
  EXPECT_FALSE(ExplainFromJson(Json{{"source", "a"}}).ok());
}

}  // namespace
}  // namespace stronghost
