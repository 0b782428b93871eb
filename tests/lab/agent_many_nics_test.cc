// More than two NICs, and more than one group: who carries whom when several cables are pulled. The
// rule is written in agent/decide/placement.h: a standby member first, then the one that carries
// the fewest homes, then the order of the file.
#include <sys/socket.h>

#include "tests/lab/agent_fixture.h"
#include "tests/lib/arp_probe.h"
#include "tests/lib/await.h"

namespace stronghost::lab {
namespace {

class ManyNics : public AgentLab, public ::testing::WithParamInterface<const char*> {
 protected:
  [[nodiscard]] bool stay() const { return std::string(GetParam()) == "stay"; }

  // wires[home] is the NIC that carries it. Status and the network agree.
  void ExpectWires(const std::vector<int>& wires) {
    for (size_t home = 0; home < wires.size(); ++home) {
      for (const int family : {AF_INET, AF_INET6}) {
        const std::string ip = Address(static_cast<int>(home), family).ToString();
        const std::string wire = LabPlan::Nic(wires[home]);
        ASSERT_OK(agent().AwaitWire(ip, wire)) << agent().Log();
      }
    }
    for (int client = 0; client < plan().client_count(); ++client) {
      ExpectSpeakers(client, wires);
    }
  }
  void ExpectSpeakers(int client, const std::vector<int>& wires) {
    auto probe = ArpProbe::Open(lab(), {.client = client});
    ASSERT_OK(probe);
    for (size_t home = 0; home < wires.size(); ++home) {
      const int nic = static_cast<int>(home);
      if (plan().SegmentOfNic(nic) != plan().SegmentOfClient(client)) {
        continue;
      }
      for (const int family : {AF_INET, AF_INET6}) {
        const auto answers = probe->Ask(Address(nic, family));
        ASSERT_OK(answers);
        ASSERT_EQ(answers->size(), 1U) << Address(nic, family).ToString();
        EXPECT_EQ(answers->front().port, LabPlan::Port(wires[home]));
        EXPECT_EQ(answers->front().mac, LabPlan::NicMac(stay() ? wires[home] : nic));
      }
    }
  }
  void Pull(int nic) {
    ASSERT_OK(lab().PullCable(nic));
    ASSERT_OK(agent().AwaitState(LabPlan::Nic(nic), "down"));
  }
  void Plug(int nic, const std::string& state = "up") {
    ASSERT_OK(lab().PlugCable(nic));
    ASSERT_OK(agent().AwaitState(LabPlan::Nic(nic), state));
  }
};

INSTANTIATE_TEST_SUITE_P(, ManyNics, ::testing::Values("follow", "stay"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(ManyNics, OfThreeTheSurvivorsShareAndTheLastCarriesAll) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam()), {.nics = 3}));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({0, 1, 2}));
  ASSERT_NO_FATAL_FAILURE(Pull(0));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({1, 1, 2}));
  ASSERT_NO_FATAL_FAILURE(Pull(1));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({2, 2, 2}));
  // Each goes home when its own NIC is back, and not before.
  ASSERT_NO_FATAL_FAILURE(Plug(1));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({2, 1, 2}));
  ASSERT_NO_FATAL_FAILURE(Plug(0));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({0, 1, 2}));
}

TEST_P(ManyNics, OfFourEachLossGoesToWhoCarriesLeast) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam(), "never"), {.nics = 4}));
  ASSERT_NO_FATAL_FAILURE(Pull(0));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({1, 1, 2, 3}));
  ASSERT_NO_FATAL_FAILURE(Pull(2));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({1, 1, 3, 3}));
  ASSERT_NO_FATAL_FAILURE(Pull(1));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({3, 3, 3, 3}));
}

TEST_P(ManyNics, OfFourTwoLostAtOnceAreShared) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam()), {.nics = 4}));
  ASSERT_OK(lab().PullCable(1));
  ASSERT_OK(lab().PullCable(2));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({0, 0, 3, 3}));
  ASSERT_OK(lab().PlugCable(1));
  ASSERT_OK(lab().PlugCable(2));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({0, 1, 2, 3}));
}

TEST_P(ManyNics, WhenAllAreLostNothingMovesAndTheFirstBackCarriesAll) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam()), {.nics = 3}));
  for (int nic = 0; nic < 3; ++nic) {
    ASSERT_NO_FATAL_FAILURE(Pull(nic));
  }
  // Nobody is better than the last that was good.
  for (int home = 0; home < 3; ++home) {
    for (const int family : {AF_INET, AF_INET6}) {
      EXPECT_OK(agent().AwaitWire(Address(home, family).ToString(), "eth2"));
    }
  }
  const auto status = agent().Status();
  ASSERT_OK(status);
  for (const auto& nic : status->at("groups").at(0).at("nics")) {
    EXPECT_EQ(nic.at("state"), "down") << nic;
    EXPECT_EQ(nic.at("carrier"), false) << nic;
  }
  const auto shown = agent().Command({"status"});
  ASSERT_OK(shown);
  EXPECT_THAT(shown->output, ::testing::HasSubstr("down"));
  ASSERT_NO_FATAL_FAILURE(Plug(0));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({0, 0, 0}));
  ASSERT_NO_FATAL_FAILURE(Plug(1));
  ASSERT_NO_FATAL_FAILURE(Plug(2));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({0, 1, 2}));
}

TEST_P(ManyNics, AStandbyMemberComesFirst) {
  const std::string keys = absl::StrCat(GroupKeys(GetParam()), "standby = [\"eth2\"]\n");
  ASSERT_NO_FATAL_FAILURE(Build(keys, {.nics = 3}));
  ASSERT_OK(agent().AwaitState("eth2", "standby"));
  ASSERT_NO_FATAL_FAILURE(Pull(0));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({2, 1, 2}));
  ASSERT_NO_FATAL_FAILURE(Pull(2));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({1, 1, 1}));
  ASSERT_NO_FATAL_FAILURE(Plug(2, "standby"));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({1, 1, 2}));
  ASSERT_NO_FATAL_FAILURE(Plug(0));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({0, 1, 2}));
}

class TwoGroups : public ManyNics {
 protected:
  // eth0 and eth1 in the first segment, eth2 and eth3 in the second.
  void SetUp() override {
    auto lab = Lab::Create({.segments = 2});
    ASSERT_OK(lab);
    lab_ = *std::move(lab);
    const std::string back = absl::StrCat(
        "[[group]]\nname = \"back\"\nnics = [\"eth2\", \"eth3\"]\nfailback = \"200ms\"\n",
        "mac = \"", GetParam(), "\"\ngateways = [\"192.0.2.126\", \"2001:db8:2::fe\"]\n");
    auto agent = Agent::Start(
        this->lab().server(),
        {.groups = absl::StrCat(GroupToml({"eth0", "eth1"}, GroupKeys(GetParam())), back)});
    ASSERT_OK(agent);
    agent_.emplace(*std::move(agent));
  }
  // What came out of the NICs of a segment with a MAC of the other segment's NICs.
  std::vector<std::unique_ptr<Capture>> WatchStrays() {
    std::vector<std::unique_ptr<Capture>> strays;
    for (int nic = 0; nic < 4; ++nic) {
      auto capture = Capture::Start(lab().switch_netns(), LabPlan::Port(nic),
                                    {.direction = CaptureOptions::Direction::kIncoming,
                                     .snap_length = 96,
                                     .filter = [nic](const CapturedFrame& frame) {
                                       const int first = nic < 2 ? 2 : 0;
                                       const MacAddress source = frame.Parse().source;
                                       return source == LabPlan::NicMac(first) ||
                                              source == LabPlan::NicMac(first + 1);
                                     }});
      EXPECT_OK(capture);
      strays.push_back(*std::move(capture));
    }
    return strays;
  }
};

INSTANTIATE_TEST_SUITE_P(, TwoGroups, ::testing::Values("follow", "stay"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(TwoGroups, FailEachByItself) {
  const auto strays = WatchStrays();
  ASSERT_NO_FATAL_FAILURE(ExpectWires({0, 1, 2, 3}));
  std::vector<Stream> streams;
  for (const int family : {AF_INET, AF_INET6}) {
    auto stream = Stream::Start(lab().server(), lab().client(1),
                                {.destination = plan().ClientAddress(1, family),
                                 .rate = 500,
                                 .source = Address(2, family)});
    ASSERT_OK(stream);
    streams.push_back(*std::move(stream));
  }
  ASSERT_NO_FATAL_FAILURE(Pull(0));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({1, 1, 2, 3}));
  // The first group is dead: it does not borrow from the second.
  ASSERT_NO_FATAL_FAILURE(Pull(1));
  ASSERT_OK(agent().AwaitWire(Address(0, AF_INET).ToString(), "eth1"));
  ASSERT_OK(agent().AwaitWire(Address(1, AF_INET).ToString(), "eth1"));
  ASSERT_NO_FATAL_FAILURE(ExpectSpeakers(1, {1, 1, 2, 3}));
  ASSERT_NO_FATAL_FAILURE(Plug(0));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({0, 0, 2, 3}));
  for (Stream& stream : streams) {
    ASSERT_OK(stream.AwaitReceived(50, absl::Seconds(10)));
    const StreamResult result = stream.Finish();
    EXPECT_EQ(result.lost, 0U) << result.ToString();
  }
  ASSERT_NO_FATAL_FAILURE(Pull(3));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({0, 0, 2, 2}));
  ASSERT_NO_FATAL_FAILURE(Plug(1));
  ASSERT_NO_FATAL_FAILURE(Plug(3));
  ASSERT_NO_FATAL_FAILURE(ExpectWires({0, 1, 2, 3}));
  for (const auto& capture : strays) {
    capture->Stop();
    EXPECT_EQ(capture->Missed(), 0);
    for (const CapturedFrame& frame : capture->Frames()) {
      ADD_FAILURE() << "in the wrong segment: " << frame.Parse().ToString();
    }
  }
}

}  // namespace
}  // namespace stronghost::lab
