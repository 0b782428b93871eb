// `stronghost suggest` in the server's namespace, and what it says.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/lab/agent_fixture.h"
#include "tests/lib/scratch.h"

namespace stronghost::lab {

using Json = nlohmann::json;
using Nics = std::vector<std::vector<std::string>>;

constexpr uint16_t kProbeType = 0x88b5;  // EtherType of the exchange

class SuggestLab : public AgentLab {
 protected:
  void MakeLab(const LabOptions& options = {}) {
    auto lab = Lab::Create(options);
    ASSERT_OK(lab);
    lab_ = *std::move(lab);
  }
  // Runs the command where nothing answers at the socket; its output.
  std::string Run(std::vector<std::string> args) {
    args.insert(args.begin(), {ProgramPath("stronghost"), "--socket", NoSocket(), "suggest"});
    const auto result = lab().server().Exec(std::move(args));
    EXPECT_OK(result);
    EXPECT_EQ(result->exit_status, 0) << result->output;
    return result->output;
  }
  static std::string NoSocket() { return absl::StrCat("/tmp/", ScratchName("none")); }

  // The suggestion; its configuration is one that the daemon's check takes.
  Json Suggest(const std::vector<std::string>& args = {}) {
    std::vector<std::string> with_json = args;
    with_json.emplace_back("--json");
    const std::string output = Run(with_json);
    Json json = Json::parse(output, nullptr, /*allow_exceptions=*/false);
    EXPECT_FALSE(json.is_discarded()) << output;
    auto checked = Agent::Prepare(lab().server(), {.groups = json.value("config", "")});
    EXPECT_OK(checked);
    const auto check = lab().server().Exec(
        {ProgramPath("stronghostd"), "--config", checked->config_path(), "--check"});
    EXPECT_OK(check);
    EXPECT_EQ(check->exit_status, 0) << check->output << json.value("config", "");
    return json;
  }
  static Nics NicsOf(const Json& suggestion) {
    Nics nics;
    for (const Json& group : suggestion.at("groups")) {
      nics.emplace_back();
      for (const Json& nic : group.at("nics")) {
        nics.back().push_back(nic.at("name"));
      }
    }
    return nics;
  }
  static std::string ReasonFor(const Json& suggestion, const std::string& nic) {
    for (const Json& left : suggestion.at("left_out")) {
      if (left.at("nic") == nic) {
        return left.at("reason");
      }
    }
    return "";
  }
  static std::string OriginOf(const Json& suggestion, const std::string& ip) {
    for (const Json& group : suggestion.at("groups")) {
      for (const Json& nic : group.at("nics")) {
        for (const Json& address : nic.at("addresses")) {
          if (absl::StartsWith(address.at("ip").get<std::string>(), ip + "/")) {
            return address.at("origin");
          }
        }
      }
    }
    return "";
  }
  static std::string Notes(const Json& suggestion, size_t group) {
    return suggestion.at("groups").at(group).at("notes").dump();
  }

  // Captures what the NIC itself sends, on the switch's side of its cable.
  std::unique_ptr<Capture> Tap(int nic) {
    auto capture = Capture::Start(lab().switch_netns(), LabPlan::Port(nic),
                                  {.direction = CaptureOptions::Direction::kIncoming});
    EXPECT_OK(capture);
    return *std::move(capture);
  }
  static int ProbesIn(Capture& capture) {
    return capture.Count([](const Frame& frame) { return frame.ether_type == kProbeType; });
  }
};

}  // namespace stronghost::lab
