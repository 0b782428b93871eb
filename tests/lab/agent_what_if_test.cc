// `stronghost what-if` says beforehand what a loss then does.
#include <sys/socket.h>

#include "tests/lab/agent_fixture.h"

namespace stronghost::lab {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class WhatIf : public AgentLab {
 protected:
  json Ask(std::vector<std::string> nics) {
    nics.insert(nics.begin(), {"what-if", "--json"});
    const auto result = agent().Command(std::move(nics));
    EXPECT_OK(result);
    EXPECT_TRUE(result->ok()) << result->output;
    return json::parse(result->output, nullptr, /*allow_exceptions=*/false);
  }
  // The foretold wire of each home.
  static std::map<std::string, std::string> Wires(const json& answer) {
    std::map<std::string, std::string> wires;
    for (const json& home : answer.at("homes")) {
      wires[home.at("nic")] = home.at("then").is_null() ? "" : home.at("then").get<std::string>();
    }
    return wires;
  }
};

TEST_F(WhatIf, ForetellsWhoStandsInAndChangesNothing) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow"), {.nics = 3}));
  const auto foretold = Wires(Ask({"eth0"}));
  const auto both = Wires(Ask({"eth0", "eth1"}));
  const auto all = Wires(Ask({"eth0", "eth1", "eth2"}));
  EXPECT_EQ(all, (std::map<std::string, std::string>{{"eth0", ""}, {"eth1", ""}, {"eth2", ""}}));
  const auto now = agent().Status();
  ASSERT_OK(now);
  for (int nic = 0; nic < 3; ++nic) {
    EXPECT_EQ(WireOf(*now, Address(nic, AF_INET).ToString()), LabPlan::Nic(nic));
  }
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, foretold.at("eth0")));
  const auto status = agent().Status();
  ASSERT_OK(status);
  for (int nic = 0; nic < 3; ++nic) {
    EXPECT_EQ(WireOf(*status, Address(nic, AF_INET).ToString()), foretold.at(LabPlan::Nic(nic)));
  }
  // From here the second loss is the same question as both at once.
  EXPECT_EQ(Wires(Ask({"eth1"})), both);
}

TEST_F(WhatIf, ForetellsWhereAddressesWouldLive) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  EXPECT_TRUE(Ask({"eth0"}).at("relocated").empty());
  const json moved = Ask({"--gone", "eth0"}).at("relocated");
  ASSERT_EQ(moved.size(), 1U) << moved;
  EXPECT_EQ(moved[0].at("from"), "eth0");
  EXPECT_EQ(moved[0].at("to"), "eth1");
  ASSERT_OK(lab().RemoveNic(0));
  ASSERT_OK(agent().AwaitState("eth0", "missing"));
  EXPECT_THAT(agent().Log(), HasSubstr(absl::StrCat(moved[0].at("addresses").get<int>(),
                                                    " addresses of eth0 live on eth1")));
}

TEST_F(WhatIf, NamesAStranger) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  const auto result = agent().Command({"what-if", "eth9"});
  ASSERT_OK(result);
  EXPECT_EQ(result->exit_status, 1);
  EXPECT_THAT(result->output, HasSubstr("name one of eth0, eth1"));
}

}  // namespace
}  // namespace stronghost::lab
