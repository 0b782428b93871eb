// Dead gateways: found by what is not heard, left for another, asked rarely and never without need.
#include "tests/lab/path_fixture.h"

namespace stronghost::lab {
namespace {

TEST_F(PathLab, ADeadGatewayIsLeftForTheSecondOneAndComesBack) {
  ASSERT_NO_FATAL_FAILURE(Build(TwoGatewayKeys("1s")));
  ASSERT_NO_FATAL_FAILURE(AddSecondGateway());
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartFarStreams(streams));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
  auto second =
      Capture::Start(lab().switch_netns(), "pg9",
                     {.direction = CaptureOptions::Direction::kOutgoing, .snap_length = 100});
  ASSERT_OK(second);
  const auto through_second = [&](int family) {
    return [this, family](const Frame& frame) {
      return frame.destination == kSecondMac && frame.ip.has_value() &&
             frame.ip->source == Address(0, family);
    };
  };
  EXPECT_EQ((*second)->Count(through_second(AF_INET)), 0);
  EXPECT_EQ((*second)->Count(through_second(AF_INET6)), 0);

  auto watch = Process::Start(lab().server(), {.argv = {ProgramPath("stronghost"), "--socket",
                                                        agent().socket_path(), "watch", "--json"}});
  ASSERT_OK(watch);
  ASSERT_OK(watch->AwaitOutput("watching", absl::Seconds(10)));

  ASSERT_NO_FATAL_FAILURE(SetGateway(false));
  ASSERT_NO_FATAL_FAILURE(SendFarTrafficThroughTheSecond(true));
  ASSERT_NO_FATAL_FAILURE(AwaitGateway("eth0", "198.51.100.254", "dead"));
  EXPECT_OK(
      watch->AwaitOutput("\"event\":\"path\",\"gateway\":\"198.51.100.254\"", absl::Seconds(10)));
  EXPECT_OK(watch->AwaitOutput("\"cause\":\"gateway\"", absl::Seconds(10)));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 500));
  EXPECT_GT((*second)->Count(through_second(AF_INET)), 0);
  EXPECT_GT((*second)->Count(through_second(AF_INET6)), 0);
  EXPECT_EQ(CauseOf("eth0"), "gateway");
  EXPECT_EQ(agent().TimesLogged("stands in"), 0) << "the path is good";
  EXPECT_EQ(WireOf(*agent().Status(), Address(0, AF_INET).ToString()), "eth0");

  ASSERT_NO_FATAL_FAILURE(SetGateway(true));
  ASSERT_NO_FATAL_FAILURE(SendFarTrafficThroughTheSecond(false));
  ASSERT_NO_FATAL_FAILURE(AwaitGateway("eth0", "198.51.100.254", "fine"));
  ASSERT_OK(Await(
      absl::Seconds(10),
      [&] {
        (*second)->Clear();
        return streams[0].AwaitReceived(40, absl::Seconds(2)).ok() &&
               (*second)->Count(through_second(AF_INET)) == 0 &&
               (*second)->Count(through_second(AF_INET6)) == 0;
      },
      "the first gateway to be used again"));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 200));
}

TEST_F(PathLab, NothingMovesWhenTheOnlyGatewayIsDead) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow", "1s")));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartFarStreams(streams));
  std::vector<Stream> local;  // others of the segment answer
  ASSERT_NO_FATAL_FAILURE(StartStreams(local, 200));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
  ASSERT_NO_FATAL_FAILURE(SetGateway(false));
  ASSERT_NO_FATAL_FAILURE(AwaitCause("eth0", "gateway"));
  ASSERT_OK(local[0].AwaitReceived(1000, absl::Seconds(30)));  // 5 s
  EXPECT_EQ(CauseOf("eth0"), "gateway");
  EXPECT_EQ(agent().TimesLogged("stands in"), 0);
  const auto status = agent().Command({"status"});
  ASSERT_OK(status);
  EXPECT_THAT(status->output, ::testing::HasSubstr("198.51.100.254, 2001:db8::fe does not answer"));
  ASSERT_NO_FATAL_FAILURE(SetGateway(true));
  ASSERT_NO_FATAL_FAILURE(AwaitCause("eth0", ""));
}

// Nothing leaves for a gateway that has no MAC: the kernel's own failure to resolve it tells.
TEST_F(PathLab, AGatewayThatWasNeverThereIsLeftForTheSecondOneAndTakenWhenItComes) {
  ASSERT_NO_FATAL_FAILURE(Build(TwoGatewayKeys("1s")));
  ASSERT_NO_FATAL_FAILURE(SetGateway(false));
  ASSERT_OK(lab().server().Check({"ip", "neigh", "flush", "all"}));
  ASSERT_OK(agent().Kill());
  ASSERT_OK(agent().StartDaemon());
  ASSERT_NO_FATAL_FAILURE(AddSecondGateway());
  ASSERT_NO_FATAL_FAILURE(SendFarTrafficThroughTheSecond(true));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartFarStreams(streams, /*both=*/false));
  for (Stream& stream : streams) {
    ASSERT_OK(stream.AwaitReceived(200, absl::Seconds(20))) << agent().Log();
  }
  EXPECT_EQ(StateOf("eth0", "198.51.100.254"), "unresolved");
  ASSERT_NO_FATAL_FAILURE(SetGateway(true));
  ASSERT_NO_FATAL_FAILURE(AwaitGateway("eth0", "198.51.100.254", "fine"));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 400));
}

// The default route of table main, which is nobody's to change, leads to the first gateway.
TEST_F(PathLab, WhatHasNoSourceYetLeavesADeadGatewayToo) {
  ASSERT_NO_FATAL_FAILURE(Build(TwoGatewayKeys("1s")));
  ASSERT_NO_FATAL_FAILURE(AddSecondGateway());
  std::vector<Stream> streams;
  for (const int family : {AF_INET, AF_INET6}) {
    auto stream = Stream::Start(lab().server(), lab().far(),
                                {.destination = LabPlan::FarAddress(family), .rate = 200});
    ASSERT_OK(stream);
    streams.push_back(*std::move(stream));
  }
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
  const auto main_before = lab().server().Check({"ip", "route", "show", "table", "main"});
  ASSERT_NO_FATAL_FAILURE(SetGateway(false));
  ASSERT_NO_FATAL_FAILURE(AwaitGateway("eth0", "198.51.100.254", "dead"));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 500));
  EXPECT_EQ(lab().server().Check({"ip", "route", "show", "table", "main"}), main_before);
  ASSERT_NO_FATAL_FAILURE(SetGateway(true));
  ASSERT_NO_FATAL_FAILURE(AwaitGateway("eth0", "198.51.100.254", "fine"));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 200));
  for (const char* family : {"-4", "-6"}) {
    EXPECT_OK(Await(
        absl::Seconds(10),
        [&] {
          const auto rules = lab().server().Check({"ip", family, "rule"});
          return rules.ok() && rules->find("lookup 5876") == std::string::npos;
        },
        "the rules to be gone"));
  }
}

TEST_F(PathLab, DetachTakesTheWayAroundADeadGatewayAlong) {
  ASSERT_NO_FATAL_FAILURE(Build(TwoGatewayKeys("1s")));
  ASSERT_NO_FATAL_FAILURE(AddSecondGateway());
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartFarStreams(streams, /*both=*/false));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
  ASSERT_NO_FATAL_FAILURE(SetGateway(false));
  const auto kernel_has = [this](const std::vector<std::string>& command, const char* text) {
    const auto output = lab().server().Check(command);
    EXPECT_OK(output);
    return output->find(text) != std::string::npos;
  };
  for (const char* family : {"-4", "-6"}) {
    ASSERT_OK(Await(
        absl::Seconds(40),
        [&] {
          return kernel_has({"ip", family, "rule"}, "lookup 5876");
        },
        "the rule"));
  }
  const auto detached = agent().Command({"detach"});
  ASSERT_OK(detached);
  EXPECT_EQ(detached->exit_status, 0) << detached->output;
  for (const char* family : {"-4", "-6"}) {
    EXPECT_FALSE(kernel_has({"ip", family, "rule"}, "lookup 5876"));
    EXPECT_FALSE(kernel_has({"ip", family, "rule"}, "suppress_prefixlength 0"));
    EXPECT_FALSE(kernel_has({"ip", family, "route", "show", "table", "all"}, "table 5876"));
  }
}

// GW-4. The gateway is dead, and nobody sends: for longer than a busy host needs to find that out.
TEST_F(PathLab, AnIdleHostAsksNobody) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow", "1s")));
  ASSERT_NO_FATAL_FAILURE(QuietKernel());
  ASSERT_NO_FATAL_FAILURE(MeetGateway());
  ASSERT_NO_FATAL_FAILURE(SetGateway(false));
  ASSERT_NO_FATAL_FAILURE(Listen());
  absl::SleepFor(absl::Seconds(12));  // that nothing happens can't be awaited
  EXPECT_THAT(Questions(), ::testing::IsEmpty());
  EXPECT_EQ(StateOf("eth0", "198.51.100.254"), "fine");
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartFarStreams(streams));
  ASSERT_NO_FATAL_FAILURE(AwaitGateway("eth0", "198.51.100.254", "dead"));
  EXPECT_FALSE(Questions().empty()) << "a busy one asks";
}

// GW-5.
TEST_F(PathLab, TrafficInBothDirectionsAsksNobody) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow", "1s")));
  ASSERT_NO_FATAL_FAILURE(QuietKernel());
  ASSERT_NO_FATAL_FAILURE(
      MeetGateway());  // a neighbour that asked first is asked back by the kernel
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartFarStreams(streams));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 200));
  ASSERT_NO_FATAL_FAILURE(Listen());
  ASSERT_OK(streams[0].AwaitReceived(1600, absl::Seconds(30)));  // 8 s
  EXPECT_THAT(Questions(), ::testing::IsEmpty());
}

// One answer is enough for half a minute. Both families' gateway is one host, and asked once.
TEST_F(PathLab, AOneWayStreamIsAskedAboutOnce) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow", "1s")));
  ASSERT_NO_FATAL_FAILURE(QuietKernel());
  ASSERT_NO_FATAL_FAILURE(MeetGateway());
  ASSERT_NO_FATAL_FAILURE(Listen());
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartFarStreams(streams, /*both=*/false));
  ASSERT_OK(streams[0].AwaitReceived(2000, absl::Seconds(30)));  // 10 s
  const std::vector<Asked> questions = Questions();
  ASSERT_EQ(questions.size(), 1U);
  EXPECT_EQ(questions[0].to, LabPlan::GatewayMac(0)) << "unicast";
  EXPECT_EQ(questions[0].from, LabPlan::NicMac(0));
  EXPECT_EQ(StateOf("eth0", "198.51.100.254"), "fine");
}

TEST_F(PathLab, ProbesCanBeTurnedOff) {
  ASSERT_NO_FATAL_FAILURE(
      Build(absl::StrCat(GroupKeys("follow", "1s"), "[group.detect]\nprobe = \"off\"\n")));
  ASSERT_NO_FATAL_FAILURE(QuietKernel());
  ASSERT_NO_FATAL_FAILURE(MeetGateway());
  ASSERT_NO_FATAL_FAILURE(Listen());
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartFarStreams(streams, /*both=*/false));
  ASSERT_OK(streams[0].AwaitReceived(800, absl::Seconds(30)));  // 4 s
  EXPECT_THAT(Questions(), ::testing::IsEmpty());
}

TEST_F(PathLab, AlwaysAsksAnIdleGatewayAndStatusSaysThatThisIsWrong) {
  ASSERT_NO_FATAL_FAILURE(
      Build(absl::StrCat(GroupKeys("follow", "1s"), "[group.detect]\nprobe = \"always\"\n")));
  ASSERT_NO_FATAL_FAILURE(MeetGateway());
  ASSERT_NO_FATAL_FAILURE(Listen());
  ASSERT_OK(Await(
      absl::Seconds(20), [&] { return Questions().size() >= 2; }, "two probes"));
  const auto status = agent().Command({"status"});
  ASSERT_OK(status);
  EXPECT_THAT(status->output, ::testing::HasSubstr("RFC 1122 section 3.3.1.4"));
}

}  // namespace
}  // namespace stronghost::lab
