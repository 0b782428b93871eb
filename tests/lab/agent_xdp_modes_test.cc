// Wherever the guard runs, in the driver, in generic XDP or in tc, the promises are the same.
#include <sys/socket.h>

#include "tests/lab/agent_fixture.h"
#include "tests/lib/arp_probe.h"
#include "tests/lib/await.h"

namespace stronghost::lab {
namespace {

struct Setting {
  const char* asked;
  const char* got;  // on veth
  // What `ip link` shows on the NIC; nullptr: neither.
  const char* shown;
};

class XdpModes : public AgentLab, public ::testing::WithParamInterface<Setting> {
 protected:
  // Each address has exactly one, by the port of its wire, with its own MAC.
  void ExpectOneSpeaker(const std::vector<int>& wires) {
    auto probe = ArpProbe::Open(lab());
    ASSERT_OK(probe);
    for (size_t home = 0; home < wires.size(); ++home) {
      for (const int family : {AF_INET, AF_INET6}) {
        const auto counts = probe->AskMany(Address(static_cast<int>(home), family), 100);
        ASSERT_OK(counts);
        SCOPED_TRACE(counts->ToString());
        EXPECT_EQ(counts->unanswered, 0);
        EXPECT_EQ(counts->answered_more_than_once, 0);
        ASSERT_EQ(counts->answers.size(), 1U);
        EXPECT_EQ(counts->answers.begin()->first.port, LabPlan::Port(wires[home]));
        EXPECT_EQ(counts->answers.begin()->first.mac, LabPlan::NicMac(static_cast<int>(home)));
      }
    }
  }
};

INSTANTIATE_TEST_SUITE_P(, XdpModes,
                         ::testing::Values(Setting{"native", "native", "xdp"},
                                           Setting{"generic", "generic", "xdpgeneric"},
                                           Setting{"off", "off", nullptr},
                                           Setting{"auto", "off", nullptr}),
                         [](const auto& setting) { return std::string(setting.param.asked); });

TEST_P(XdpModes, KeepTheSpeakerAndTheTrafficThroughAPulledCable) {
  ASSERT_NO_FATAL_FAILURE(
      Build(absl::StrCat(GroupKeys("follow"), "xdp = \"", GetParam().asked, "\"\n")));
  const auto status = agent().Status();
  ASSERT_OK(status);
  for (int nic = 0; nic < 2; ++nic) {
    EXPECT_EQ(status->at("groups").at(0).at("nics").at(static_cast<size_t>(nic)).at("xdp"),
              GetParam().got);
    const auto link = lab().server().Check({"ip", "-d", "link", "show", LabPlan::Nic(nic)});
    ASSERT_OK(link);
    EXPECT_EQ(link->find("prog/xdp") != std::string::npos, GetParam().shown != nullptr) << *link;
    for (const char* kind : {"xdp", "xdpgeneric"}) {
      const bool shown = link->find(absl::StrCat(" ", kind, " ")) != std::string::npos;
      EXPECT_EQ(shown, GetParam().shown != nullptr && GetParam().shown == std::string(kind))
          << *link;
    }
  }
  ExpectOneSpeaker({0, 1});

  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartStreams(streams, 500));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 50));
  ASSERT_OK(lab().PullCable(0));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 150));
  for (size_t i = 0; i < streams.size(); ++i) {
    const StreamResult result = streams[i].Finish();
    // The host's own first packet moves the wire. What is under way to the host when the cable goes
    // is lost, until the switch knows: on a busy machine more than in the median.
    EXPECT_LE(result.lost, i < 2 ? 1U : 25U) << result.ToString();
  }
  ASSERT_OK(agent().AwaitWire(Address(0, AF_INET).ToString(), "eth1"));
  ExpectOneSpeaker({1, 1});

  streams.clear();
  ASSERT_NO_FATAL_FAILURE(StartStreams(streams, 500));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 50));
  ASSERT_NO_FATAL_FAILURE(PlugAndAwait(0));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 150));
  ExpectNoLoss(streams);
  ExpectOneSpeaker({0, 1});
}

// A reload puts another mode into force on the NICs that are attached already.
TEST_F(AgentLab, AReloadChangesTheXdpModeInPlace) {
  const auto keys = [](const std::string& xdp) {
    return absl::StrCat(GroupKeys("follow"), "xdp = \"", xdp, "\"\n");
  };
  ASSERT_NO_FATAL_FAILURE(Build(keys("native")));
  for (const std::string& xdp :
       {std::string("off"), std::string("generic"), std::string("native")}) {
    ASSERT_OK(agent().WriteConfig({.groups = GroupToml({"eth0", "eth1"}, keys(xdp))}));
    ASSERT_OK(agent().process().Kill(SIGHUP));
    EXPECT_OK(Await(absl::Seconds(10), [&] {
      const auto status = agent().Status();
      return status.ok() && status->at("groups").at(0).at("nics").at(0).at("xdp") == xdp;
    })) << agent().Log();
    const auto link = lab().server().Check({"ip", "-d", "link", "show", "eth0"});
    ASSERT_OK(link);
    EXPECT_EQ(link->find("prog/xdp") != std::string::npos, xdp != "off") << *link;
  }
}

}  // namespace
}  // namespace stronghost::lab
