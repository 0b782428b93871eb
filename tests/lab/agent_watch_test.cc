// What `stronghost watch` tells while cables are pulled and operators give orders.
#include <sys/socket.h>

#include <csignal>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tests/lab/agent_fixture.h"

namespace stronghost::lab {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class Watch : public AgentLab {
 protected:
  void StartWatch(const std::vector<std::string>& more = {"--json"}) {
    std::vector<std::string> argv = {ProgramPath("stronghost"), "--socket", agent().socket_path(),
                                     "watch"};
    argv.insert(argv.end(), more.begin(), more.end());
    auto watch = Process::Start(lab().server(), {.argv = argv});
    ASSERT_OK(watch);
    watch_.emplace(*std::move(watch));
    ASSERT_OK(watch_->AwaitOutput("watching", absl::Seconds(10)));
  }

  // The events up to now, of one kind.
  std::vector<json> Events(const std::string& kind) {
    std::vector<json> events;
    for (const absl::string_view line : absl::StrSplit(watch_->Output(), '\n', absl::SkipEmpty())) {
      json event = json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
      EXPECT_TRUE(event.is_object()) << line;
      if (event.is_object() && event.value("event", "") == kind) {
        events.push_back(std::move(event));
      }
    }
    return events;
  }
  void AwaitEvent(const std::string& kind) {
    ASSERT_OK(watch_->AwaitOutput(absl::StrCat("\"event\":\"", kind, "\""), absl::Seconds(10)))
        << agent().Log();
  }

  std::optional<Process> watch_;
};

TEST_F(Watch, TellsAFailoverWithItsOutageAndTheWayBack) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_NO_FATAL_FAILURE(StartWatch());
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  ASSERT_NO_FATAL_FAILURE(AwaitEvent("failover"));
  ASSERT_NO_FATAL_FAILURE(PlugAndAwait(0));
  ASSERT_NO_FATAL_FAILURE(AwaitEvent("failback"));
  const std::vector<json> failovers = Events("failover");
  ASSERT_EQ(failovers.size(), 1U) << watch_->Output();
  EXPECT_EQ(failovers[0]["group"], "front");
  EXPECT_EQ(failovers[0]["nic"], "eth0");
  EXPECT_EQ(failovers[0]["from"], "eth0");
  EXPECT_EQ(failovers[0]["to"], "eth1");
  EXPECT_GT(failovers[0]["outage_ns"].get<int64_t>(), 0);
  EXPECT_THAT(agent().Log(), HasSubstr(failovers[0]["detail"].get<std::string>()));
  const std::vector<json> failbacks = Events("failback");
  ASSERT_EQ(failbacks.size(), 1U) << watch_->Output();
  EXPECT_EQ(failbacks[0]["to"], "eth0");
  EXPECT_EQ(failbacks[0]["outage_ns"], 0);
  const std::vector<json> nics = Events("nic");
  ASSERT_EQ(nics.size(), 2U) << watch_->Output();
  EXPECT_EQ(nics[0]["nic"], "eth0");
  EXPECT_EQ(nics[0]["state"], "down");
  EXPECT_EQ(nics[0]["was"], "up");
  EXPECT_EQ(nics[1]["state"], "up");
}

TEST_F(Watch, TellsWhatOperatorsOrder) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow", "never")));
  ASSERT_NO_FATAL_FAILURE(StartWatch());
  ASSERT_OK(agent().Command({"drain", "eth0"}));
  ASSERT_NO_FATAL_FAILURE(AwaitEvent("drain"));
  ASSERT_OK(agent().Command({"undrain", "eth0"}));
  ASSERT_NO_FATAL_FAILURE(AwaitEvent("undrain"));
  ASSERT_OK(agent().Command({"move", Address(0, AF_INET).ToString(), "eth1"}));
  ASSERT_NO_FATAL_FAILURE(AwaitEvent("relocation"));
  ASSERT_OK(agent().process().Kill(SIGHUP));
  ASSERT_NO_FATAL_FAILURE(AwaitEvent("reload"));
  ASSERT_EQ(Events("drain").size(), 1U);
  EXPECT_EQ(Events("drain")[0]["group"], "front");
  EXPECT_EQ(Events("drain")[0]["nic"], "eth0");
  ASSERT_EQ(Events("failover").size(), 1U);
  EXPECT_EQ(Events("failover")[0]["cause"], "drained");
  EXPECT_EQ(Events("failover")[0]["outage_ns"], 0);
  ASSERT_EQ(Events("relocation").size(), 1U);
  EXPECT_EQ(Events("relocation")[0]["nic"], "eth0");
  EXPECT_EQ(Events("relocation")[0]["to"], "eth1");
  EXPECT_EQ(Events("relocation")[0]["addresses"], 1);
  EXPECT_EQ(Events("relocation")[0]["cause"], "moved");
}

TEST_F(Watch, EndsWithTheAgentAndSaysSo) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_NO_FATAL_FAILURE(StartWatch({}));
  ASSERT_OK(agent().Stop());
  const auto status = watch_->Wait(absl::Seconds(10));
  ASSERT_OK(status);
  EXPECT_EQ(*status, 1);
  EXPECT_THAT(watch_->Output(), HasSubstr("hung up"));
}

}  // namespace
}  // namespace stronghost::lab
