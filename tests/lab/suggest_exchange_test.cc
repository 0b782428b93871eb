// The exchange of frames by which `stronghost suggest` finds segments: what is sent, what is heard,
// and a running agent beside it.
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <optional>
#include <thread>

#include "tests/lab/suggest_fixture.h"
#include "tests/lib/raw_sender.h"

namespace stronghost::lab {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(SuggestLab, NoMoreFramesThanPromisedAndNoneWithoutTheExchange) {
  ASSERT_NO_FATAL_FAILURE(MakeLab({.nics = 3}));
  // eth2 hears nobody, so that all rounds are run.
  ASSERT_OK(
      lab().switch_netns().IpBatch("link add br9 type bridge\nlink set br9 up\n"
                                   "link set p2 master br9\n"));
  std::vector<std::unique_ptr<Capture>> taps;
  for (int nic = 0; nic < 3; ++nic) {
    taps.push_back(Tap(nic));
  }
  Run({"--no-probe"});
  for (const auto& tap : taps) {
    EXPECT_EQ(ProbesIn(*tap), 0);
  }
  Run({});
  for (int nic = 0; nic < 3; ++nic) {
    EXPECT_EQ(ProbesIn(*taps[nic]), 3) << nic;
    EXPECT_EQ(taps[nic]->Missed(), 0);
    for (const CapturedFrame& captured : taps[nic]->Frames()) {
      if (const Frame frame = captured.Parse(); frame.ether_type == kProbeType) {
        EXPECT_EQ(captured.length, 60U);
        EXPECT_EQ(frame.source, LabPlan::NicMac(nic));
        EXPECT_EQ(frame.destination.ToString(), "ff:ff:ff:ff:ff:ff");
      }
    }
  }
}

TEST_F(SuggestLab, OneFrameIsEnoughWhereAllHearEachOther) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  const auto first = Tap(0);
  const auto second = Tap(1);
  EXPECT_EQ(NicsOf(Suggest()), (Nics{{"eth0", "eth1"}}));
  EXPECT_EQ(ProbesIn(*first), 1);
  EXPECT_EQ(ProbesIn(*second), 1);
}

TEST_F(SuggestLab, OneNicAloneSendsNothing) {
  ASSERT_NO_FATAL_FAILURE(MakeLab({.nics = 1}));
  const auto tap = Tap(0);
  const Json suggestion = Suggest();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0"}}));
  EXPECT_THAT(Notes(suggestion, 0), HasSubstr("A group of one"));
  EXPECT_EQ(ProbesIn(*tap), 0);
}

TEST_F(SuggestLab, ALoopIsSaid) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  ASSERT_OK(lab().switch_netns().Check({"bridge", "link", "set", "dev", "p0", "hairpin", "on"}));
  const Json suggestion = Suggest();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0", "eth1"}}));
  EXPECT_THAT(Notes(suggestion, 0), HasSubstr("eth0 heard its own frame"));
}

// Carries the frames of the exchange from one isolated port of the switch to another, with a VLAN
// tag or without.
class Relay {
 public:
  Relay(Lab& lab, int from, int to, std::optional<uint16_t> vlan) : vlan_(vlan) {
    auto capture = Capture::Start(
        lab.switch_netns(), LabPlan::Port(from),
        {.direction = CaptureOptions::Direction::kIncoming,
         .filter = [](const CapturedFrame& f) { return f.Parse().ether_type == kProbeType; }});
    EXPECT_OK(capture);
    capture_ = *std::move(capture);
    auto sender = RawSender::Open(lab.switch_netns(), LabPlan::Port(to));
    EXPECT_OK(sender);
    sender_.emplace(*std::move(sender));
    thread_ = std::thread([this] { Run(); });
  }
  ~Relay() {
    done_ = true;
    thread_.join();
  }

 private:
  void Run() {
    while (!done_) {
      const auto any = [](const CapturedFrame&) { return true; };
      const auto frame = capture_->AwaitFrame(any, absl::Milliseconds(20));
      if (!frame.ok()) {
        continue;
      }
      capture_->Clear();
      Bytes bytes = frame->bytes;
      if (vlan_.has_value()) {
        const std::array<uint8_t, 4> tag = {0x81, 0x00, static_cast<uint8_t>(*vlan_ >> 8),
                                            static_cast<uint8_t>(*vlan_)};
        bytes.insert(bytes.begin() + 12, tag.begin(), tag.end());
      }
      EXPECT_OK(sender_->Send(bytes));
    }
  }

  const std::optional<uint16_t> vlan_;
  std::unique_ptr<Capture> capture_;
  std::optional<RawSender> sender_;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

// A port that hears a VLAN tagged is not in the segment of one that speaks untagged.
TEST_F(SuggestLab, TaggedFramesJoinNobody) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  for (const char* port : {"p0", "p1"}) {
    ASSERT_OK(lab().switch_netns().Check({"bridge", "link", "set", "dev", port, "isolated", "on"}));
  }
  for (const bool tagged : {true, false}) {
    const auto vlan = tagged ? std::optional<uint16_t>(5) : std::nullopt;
    const Relay there(lab(), 0, 1, vlan);
    const Relay back(lab(), 1, 0, vlan);
    EXPECT_EQ(NicsOf(Suggest()), tagged ? (Nics{{"eth0"}, {"eth1"}}) : (Nics{{"eth0", "eth1"}}));
  }
}

TEST_F(SuggestLab, WhatIsHeardOneWayOnlyIsSaidAndJoinsNobody) {
  ASSERT_NO_FATAL_FAILURE(MakeLab());
  ASSERT_OK(lab().switch_netns().Check(
      {"nft",
       "add table bridge t; add chain bridge t f { type filter hook forward priority 0; }; "
       "add rule bridge t f iifname \"p1\" oifname \"p0\" ether type 0x88b5 drop"}));
  const Json suggestion = Suggest();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0"}, {"eth1"}}));
  for (const size_t group : {0U, 1U}) {
    EXPECT_THAT(Notes(suggestion, group), HasSubstr("eth1 heard eth0, but eth0 did not hear eth1"));
  }
}

class SuggestBesideAgent : public SuggestLab {
 protected:
  // As an administrator runs it, who names the agent's socket.
  Json SuggestBeside() {
    const auto result = agent().Command({"suggest", "--json"});
    EXPECT_OK(result);
    EXPECT_EQ(result->exit_status, 0) << result->output;
    EXPECT_THAT(result->output, HasSubstr("an agent answers"));
    const size_t begin = result->output.find('{');  // behind what stands on stderr
    return Json::parse(result->output.substr(begin), nullptr, /*allow_exceptions=*/false);
  }
};

class SuggestWithXdp : public SuggestBesideAgent,
                       public ::testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(Modes, SuggestWithXdp, ::testing::Values("off", "native", "generic"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(SuggestWithXdp, ARunningAgentDoesNotHinderTheExchange) {
  ASSERT_NO_FATAL_FAILURE(Build(absl::StrCat(GroupKeys("follow"), "xdp = \"", GetParam(), "\"\n")));
  const Json suggestion = SuggestBeside();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0", "eth1"}}));
  EXPECT_EQ(suggestion.at("probed"), true);
  EXPECT_THAT(Notes(suggestion, 0), Not(HasSubstr("did not hear")));
}

// A socket is a file: it is reached from every network namespace.
TEST_F(SuggestBesideAgent, AnAgentOfAnotherNamespaceHasNoSay) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_OK(agent().Command({"drain", "eth0"}));
  const auto result = lab().client().Exec(
      {ProgramPath("stronghost"), "--socket", agent().socket_path(), "suggest"});
  ASSERT_OK(result);
  EXPECT_EQ(result->exit_status, 0);
  EXPECT_THAT(result->output,
              AllOf(HasSubstr("serves another network namespace"), HasSubstr("nics = [\"eth0\"]"),
                    Not(HasSubstr("took no full part"))));
}

// A frame of a drained NIC would take its MAC back from the NIC that carries it.
TEST_F(SuggestBesideAgent, ADrainedNicOnlyListens) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_OK(agent().Command({"drain", "eth0"}));
  ASSERT_OK(agent().AwaitWire(Address(0, AF_INET).ToString(), "eth1"));
  const auto drained = Tap(0);
  const auto other = Tap(1);
  const Json suggestion = SuggestBeside();
  EXPECT_EQ(NicsOf(suggestion), (Nics{{"eth0", "eth1"}}));
  EXPECT_EQ(ProbesIn(*drained), 0);
  EXPECT_GE(ProbesIn(*other), 1);
  EXPECT_THAT(Notes(suggestion, 0), HasSubstr("eth0 sent nothing"));
}

}  // namespace
}  // namespace stronghost::lab
