// Wherever the guard runs, in the driver, in generic XDP or in tc, the promises are the same.
#include <sys/socket.h>

#include "tests/lab/agent_fixture.h"
#include "tests/lib/arp_probe.h"

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

  // Out and in, IPv4 and IPv6, of the first NIC's addresses.
  void StartStreams() {
    streams_.clear();
    for (const bool out : {true, false}) {
      for (const int family : {AF_INET, AF_INET6}) {
        StreamOptions options{.destination = out ? ClientAddress(family) : Address(0, family),
                              .rate = 500};
        if (out) {
          options.source = Address(0, family);
        }
        auto stream = Stream::Start(out ? lab().server() : lab().client(),
                                    out ? lab().client() : lab().server(), options);
        ASSERT_OK(stream);
        streams_.push_back(*std::move(stream));
      }
    }
    AwaitStreams(50);
  }
  void AwaitStreams(uint64_t packets) {
    for (Stream& stream : streams_) {
      ASSERT_OK(stream.AwaitReceived(packets, absl::Seconds(10)));
    }
  }

  std::vector<Stream> streams_;
};

INSTANTIATE_TEST_SUITE_P(, XdpModes,
                         ::testing::Values(Setting{"native", "native", "xdp"},
                                           Setting{"generic", "generic", "xdpgeneric"},
                                           Setting{"off", "off", nullptr},
                                           Setting{"auto", "native", "xdp"}),
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

  ASSERT_NO_FATAL_FAILURE(StartStreams());
  ASSERT_OK(lab().PullCable(0));
  ASSERT_NO_FATAL_FAILURE(AwaitStreams(150));
  for (size_t i = 0; i < streams_.size(); ++i) {
    const StreamResult result = streams_[i].Finish();
    // The host's own first packet moves the wire. What is under way to the host when the cable goes
    // is lost, until the switch knows: on a busy machine more than in the median.
    EXPECT_LE(result.lost, i < 2 ? 1U : 25U) << result.ToString();
  }
  ASSERT_OK(agent().AwaitWire(Address(0, AF_INET).ToString(), "eth1"));
  ExpectOneSpeaker({1, 1});

  ASSERT_NO_FATAL_FAILURE(StartStreams());
  ASSERT_NO_FATAL_FAILURE(PlugAndAwait(0));
  ASSERT_NO_FATAL_FAILURE(AwaitStreams(150));
  for (Stream& stream : streams_) {
    const StreamResult result = stream.Finish();
    EXPECT_EQ(result.lost, 0U) << result.ToString();
  }
  ExpectOneSpeaker({0, 1});
}

}  // namespace
}  // namespace stronghost::lab
