// A NIC's carrier is up, and nothing comes through: a dead uplink behind its switch, a dead
// segment.
#include "tests/lab/path_fixture.h"

namespace stronghost::lab {
namespace {

// mac mode and xdp mode.
class DeadUplink : public PathLab,
                   public ::testing::WithParamInterface<std::pair<const char*, const char*>> {};

INSTANTIATE_TEST_SUITE_P(Modes, DeadUplink,
                         ::testing::Values(std::pair("follow", "off"), std::pair("stay", "off"),
                                           std::pair("follow", "native"),
                                           std::pair("stay", "generic")),
                         [](const auto& mode) {
                           return absl::StrCat(mode.param.first, "_", mode.param.second);
                         });

TEST_P(DeadUplink, MovesTheHomesToTheOtherNicAndBack) {
  ASSERT_NO_FATAL_FAILURE(Build(
      absl::StrCat(GroupKeys(GetParam().first, "1s"), "xdp = \"", GetParam().second, "\"\n")));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartFarStreams(streams));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
  ASSERT_OK(lab().CutUplink(0));
  ASSERT_OK(agent().AwaitState("eth0", "suspect", absl::Seconds(30))) << agent().Log();
  EXPECT_EQ(CauseOf("eth0"), "uplink");
  EXPECT_EQ(CauseOf("eth1"), "");
  for (const int family : {AF_INET, AF_INET6}) {
    ASSERT_OK(agent().AwaitWire(Address(0, family).ToString(), "eth1"));
  }
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 500));
  EXPECT_EQ(WireOf(*agent().Status(), Address(0, AF_INET).ToString()), "eth1");
  EXPECT_THAT(agent().Log(), ::testing::HasSubstr("eth1 stands in for eth0"));

  ASSERT_OK(lab().MendUplink(0));
  ASSERT_OK(agent().AwaitWire(Address(0, AF_INET).ToString(), "eth0", absl::Seconds(30)))
      << agent().Log();
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 500));
  ASSERT_OK(agent().AwaitState("eth0", "up"));
  EXPECT_EQ(CauseOf("eth0"), "");
  for (Stream& stream : streams) {
    const StreamResult result = stream.Finish();
    EXPECT_LE(result.loss_spans.size(), 2U) << "the way back costs nothing: " << result.ToString();
  }
}

// What the same cut costs a host without Stronghost. (What comes in for its IPv4 address may find
// its way: the other NIC answers ARP requests for it.)
TEST_F(PathLab, PlainLinuxLosesEverythingBehindADeadUplink) {
  auto lab_without_agent = Lab::Create({});
  ASSERT_OK(lab_without_agent);
  lab_ = *std::move(lab_without_agent);
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartFarStreams(streams, /*both=*/false));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
  ASSERT_OK(lab().CutUplink(0));
  std::vector<uint64_t> received;
  for (Stream& stream : streams) {
    ASSERT_OK(stream.AwaitSent(20));  // what was under way has arrived
    received.push_back(stream.receiver().count());
  }
  ASSERT_OK(streams[0].AwaitSent(3000));  // 15 s: thrice what Stronghost needs
  for (size_t i = 0; i < streams.size(); ++i) {
    EXPECT_EQ(streams[i].receiver().count(), received[i]);
  }
}

TEST_F(PathLab, ADeadSegmentMovesNothingAndStatusSaysSo) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow", "1s")));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartFarStreams(streams));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
  ASSERT_OK(lab().CutUplink(0));
  ASSERT_OK(lab().CutUplink(1));
  ASSERT_NO_FATAL_FAILURE(AwaitCause("eth0", "segment"));
  ASSERT_OK(streams[0].AwaitSent(1000));
  EXPECT_EQ(CauseOf("eth0"), "segment");
  ASSERT_OK(agent().AwaitState("eth0", "up"));
  EXPECT_EQ(WireOf(*agent().Status(), Address(0, AF_INET).ToString()), "eth0");
  EXPECT_EQ(agent().TimesLogged("stands in"), 0);
  const auto status = agent().Command({"status"});
  ASSERT_OK(status);
  EXPECT_THAT(status->output, ::testing::HasSubstr("nobody of the segment is heard"));

  ASSERT_OK(lab().MendUplink(0));
  ASSERT_OK(lab().MendUplink(1));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 500));
  ASSERT_NO_FATAL_FAILURE(AwaitCause("eth0", ""));
}

TEST_F(PathLab, CableAndNicAreToldApart) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow", "1s")));
  ASSERT_OK(lab().PullCable(0));
  ASSERT_NO_FATAL_FAILURE(AwaitCause("eth0", "cable"));
  ASSERT_OK(lab().SetAdmin(1, false));
  ASSERT_NO_FATAL_FAILURE(AwaitCause("eth1", "nic"));
  EXPECT_EQ(CauseOf("eth0"), "cable");
  const auto status = agent().Command({"status"});
  ASSERT_OK(status);
  EXPECT_THAT(status->output, ::testing::HasSubstr("look after its cable"));
  EXPECT_THAT(status->output, ::testing::HasSubstr("ip link set eth1 up"));
}

}  // namespace
}  // namespace stronghost::lab
