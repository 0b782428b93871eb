// Planned moves: an operator takes a NIC out of service, and back.
#include <sys/socket.h>

#include "tests/lab/agent_fixture.h"
#include "tests/lib/arp_probe.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::lab {
namespace {

using ::testing::HasSubstr;

class Drain : public AgentLab, public ::testing::WithParamInterface<const char*> {
 protected:
  // Runs the command and returns its output, which has to end as told.
  std::string Order(const std::vector<std::string>& command, int exit_status = 0) {
    const auto result = agent().Command(command);
    EXPECT_OK(result);
    EXPECT_EQ(result->exit_status, exit_status) << result->output;
    return result->output;
  }
  void ExpectState(int nic, const std::string& state) {
    const auto status = agent().Status();
    ASSERT_OK(status);
    EXPECT_EQ(status->at("groups").at(0).at("nics").at(static_cast<size_t>(nic)).at("state"),
              state);
  }
  void ExpectWire(int home, const std::string& wire) {
    const auto status = agent().Status();
    ASSERT_OK(status);
    EXPECT_EQ(WireOf(*status, Address(home, AF_INET).ToString()), wire);
  }
};

INSTANTIATE_TEST_SUITE_P(, Drain, ::testing::Values("follow", "stay"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(Drain, ThereAndBackLosesNothing) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam(), "never")));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartStreams(streams));
  for (int round = 0; round < 5; ++round) {
    ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
    EXPECT_EQ(Order({"drain", "eth0"}), "eth0 is drained: eth1 carries its 3 addresses\n");
    ExpectState(0, "drained");
    ExpectWire(0, "eth1");
    ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 300));
    // At once, although failback is "never".
    EXPECT_EQ(Order({"undrain", "eth0"}), "eth0 is up: it carries its 3 addresses\n");
    ExpectState(0, "up");
    ExpectWire(0, "eth0");
  }
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 300));
  ExpectNoLoss(streams);
}

TEST_P(Drain, TcpSessionsGoOn) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam(), "never")));
  std::vector<std::unique_ptr<TcpSession>> sessions;
  ASSERT_NO_FATAL_FAILURE(StartSessions(sessions));
  for (const char* order : {"drain", "undrain", "drain"}) {
    for (const auto& session : sessions) {
      ASSERT_OK(session->AwaitProgress(50'000, absl::Seconds(10)));
    }
    Order({order, "eth0"});
  }
  for (const auto& session : sessions) {
    ASSERT_OK(session->AwaitProgress(50'000, absl::Seconds(10)));
    const TcpResult result = session->Finish();
    EXPECT_TRUE(result.alive) << result.ToString();
  }
}

TEST_P(Drain, TheDrainedNicIsSilent) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam(), "never")));
  Order({"drain", "eth0"});
  auto probe = ArpProbe::Open(lab());
  ASSERT_OK(probe);
  for (const int home : {0, 1}) {
    for (const int family : {AF_INET, AF_INET6}) {
      const auto counts = probe->AskMany(Address(home, family), 50);
      ASSERT_OK(counts);
      SCOPED_TRACE(counts->ToString());
      EXPECT_EQ(counts->unanswered, 0);
      EXPECT_EQ(counts->answered_more_than_once, 0);
      ASSERT_EQ(counts->answers.size(), 1U);
      EXPECT_EQ(counts->answers.begin()->first.port, LabPlan::Port(1));
    }
  }
}

TEST_F(AgentLab, ADrainOutlivesTheAgentAndEndsWithADetach) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  const auto state = [&] {
    const auto status = agent().Status();
    EXPECT_OK(status);
    return status->at("groups").at(0).at("nics").at(0).at("state").get<std::string>();
  };
  ASSERT_OK(agent().Command({"drain", "eth0"}));
  ASSERT_OK(agent().Kill());
  ASSERT_OK(agent().StartDaemon());
  EXPECT_EQ(state(), "drained");
  const auto status = agent().Status();
  ASSERT_OK(status);
  EXPECT_EQ(WireOf(*status, Address(0, AF_INET).ToString()), "eth1");
  ASSERT_OK(agent().Command({"detach"}));
  ASSERT_OK(agent().StartDaemon());
  EXPECT_EQ(state(), "up");
}

TEST_P(Drain, TheLastUsableNicIsRefusedAndByForceStaysTheWire) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam())));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(1, "eth0"));
  EXPECT_THAT(Order({"drain", "eth0"}, 1), HasSubstr("last usable NIC of group"));
  ExpectState(0, "up");
  EXPECT_THAT(Order({"drain", "eth7"}, 1), HasSubstr("name one of eth0, eth1"));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartStreams(streams));
  Order({"drain", "--force", "eth0"});
  ExpectState(0, "drained");
  ExpectWire(0, "eth0");
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 300));
  ExpectNoLoss(streams);
}

TEST_P(Drain, ADrainedNicTakesNothingOver) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam())));
  Order({"drain", "eth1"});
  ExpectWire(1, "eth0");
  ASSERT_OK(lab().PullCable(0));
  ASSERT_OK(agent().AwaitState("eth0", "down"));
  ExpectWire(0, "eth0");
  Order({"undrain", "eth1"});
  ExpectWire(0, "eth1");
  ExpectWire(1, "eth1");
}

}  // namespace
}  // namespace stronghost::lab
