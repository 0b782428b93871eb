// G1, one speaker: exactly one NIC answers for an address, with one MAC, whatever happens.
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "tests/lab/agent_fixture.h"
#include "tests/lib/arp_probe.h"
#include "tests/lib/raw_sender.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::lab {
namespace {

class Speaker : public AgentLab, public ::testing::WithParamInterface<const char*> {
 protected:
  bool stay() const { return std::string(GetParam()) == "stay"; }

  // Asks `count` times for each address of every NIC. `wires[i]` is the NIC that carries home i.
  void ExpectOneAnswer(const std::vector<int>& wires, int count) {
    auto probe = ArpProbe::Open(lab());
    ASSERT_OK(probe);
    for (size_t home = 0; home < wires.size(); ++home) {
      const int wire = wires[home];
      const MacAddress mac = LabPlan::NicMac(stay() ? wire : static_cast<int>(home));
      for (const int family : {AF_INET, AF_INET6}) {
        const IpAddress ip = Address(static_cast<int>(home), family);
        const auto counts = probe->AskMany(ip, count);
        ASSERT_OK(counts);
        SCOPED_TRACE(absl::StrCat(ip.ToString(), ": ", counts->ToString()));
        EXPECT_EQ(counts->unanswered, 0);
        EXPECT_EQ(counts->answered_more_than_once, 0);
        ASSERT_EQ(counts->answers.size(), 1U);
        const Answer& answer = counts->answers.begin()->first;
        EXPECT_EQ(answer.mac, mac);
        EXPECT_EQ(answer.frame_source, mac);
        EXPECT_EQ(answer.port, LabPlan::Port(wire));
      }
    }
  }
};

INSTANTIATE_TEST_SUITE_P(MacModes, Speaker, ::testing::Values("follow", "stay"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(Speaker, IsOneInEveryPhaseOfAFailoverAndFailback) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam())));
  ExpectOneAnswer({0, 1}, 1000);
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  ExpectOneAnswer({1, 1}, 250);
  ASSERT_NO_FATAL_FAILURE(PlugAndAwait(0));
  // The stand-in lingers, but is silent.
  ExpectOneAnswer({0, 1}, 250);
}

// While a wire changes an answer may be lost with the cable, but there are never two.
TEST_P(Speaker, IsNeverTwoWhileCablesArePulledAndPlugged) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam(), "50ms")));
  auto probe = ArpProbe::Open(lab(), {.deadline = absl::Milliseconds(50)});
  ASSERT_OK(probe);
  std::atomic<int> asked = 0;
  std::atomic<bool> done = false;
  std::thread changes([&] {
    for (int round = 0; round < 10 || asked < 100; ++round) {
      EXPECT_OK(lab().PullCable(0));
      EXPECT_OK(agent().AwaitWire(Address(0, AF_INET).ToString(), "eth1"));
      EXPECT_OK(lab().PlugCable(0));
      EXPECT_OK(agent().AwaitWire(Address(0, AF_INET).ToString(), "eth0"));
    }
    done = true;
  });
  int silent = 0;
  while (!done) {
    for (const int family : {AF_INET, AF_INET6}) {
      const auto answers = probe->Ask(Address(0, family));
      ASSERT_OK(answers);
      ++asked;
      silent += answers->empty() ? 1 : 0;
      EXPECT_LE(answers->size(), 1U) << Address(0, family).ToString();
    }
  }
  changes.join();
  RecordProperty("asked", asked.load());
  RecordProperty("silent", silent);
  EXPECT_LT(silent, asked / 2);
}

TEST_P(Speaker, IsOneWhileBothNicsAreSaturated) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam()), {.clients = 2}));
  std::vector<std::unique_ptr<TcpSession>> load;
  for (int nic = 0; nic < 2; ++nic) {
    auto session = TcpSession::Start(
        lab().client(1), lab().server(),
        {.destination = Address(nic, AF_INET), .chunk = 65536, .interval = absl::ZeroDuration()});
    ASSERT_OK(session);
    load.push_back(*std::move(session));
  }
  ExpectOneAnswer({0, 1}, 1000);
  for (auto& session : load) {
    const TcpResult result = session->Finish();
    EXPECT_TRUE(result.alive) << result.ToString();
  }
}

class Announcements : public AgentLab {
 protected:
  void AwaitProblems(const ::testing::Matcher<std::string>& wanted) {
    std::string problems;
    ASSERT_OK(Await(
        absl::Seconds(10),
        [&] {
          problems = agent().Status().value().at("problems").dump();
          return wanted.Matches(problems);
        },
        "status's problems"))
        << problems << agent().Log();
  }
};

TEST_F(Announcements, ThatAStandInRefusedAreNoProblemOnceTheHomeIsBack) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow", "50ms")));
  // What eth1 has to announce of its own is over after a second.
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartStreams(streams));
  ASSERT_OK(streams.front().AwaitSent(3000));
  streams.clear();
  ASSERT_OK(lab().server().Check(
      {"tc", "qdisc", "add", "dev", "eth1", "root", "handle", "1:", "pfifo", "limit", "0"}));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  ASSERT_NO_FATAL_FAILURE(AwaitProblems(::testing::HasSubstr("announce on eth1")));
  ASSERT_NO_FATAL_FAILURE(PlugAndAwait(0));
  ASSERT_NO_FATAL_FAILURE(AwaitProblems(::testing::Not(::testing::HasSubstr("announce on eth1"))));
}

// The trouble that is ended: the test can fail.
TEST(PlainLinux, AnswersFromEveryNic) {
  auto lab = Lab::Create();
  ASSERT_OK(lab);
  auto probe = ArpProbe::Open(**lab);
  ASSERT_OK(probe);
  const auto answers = probe->Ask((*lab)->plan().NicAddress(0, AF_INET));
  ASSERT_OK(answers);
  EXPECT_EQ(answers->size(), 2U);
}

}  // namespace
}  // namespace stronghost::lab
