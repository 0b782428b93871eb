// The strong host model and the weak one (RFC 1122 3.3.4.2): what is accepted where. Who answers an
// ARP request, and which way answers leave, is the same in both.
#include <sys/socket.h>

#include "tests/lab/agent_fixture.h"
#include "tests/lib/arp_probe.h"
#include "tests/lib/await.h"
#include "tests/lib/frame_builder.h"
#include "tests/lib/raw_sender.h"

namespace stronghost::lab {
namespace {

constexpr uint16_t kEchoId = 4711;

struct Setting {
  const char* model;
  const char* xdp;
  const char* mac;
};

class HostModel : public AgentLab, public ::testing::WithParamInterface<Setting> {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(
        Build(absl::StrCat(GroupKeys(GetParam().mac, "never"), "xdp = \"", GetParam().xdp, "\"\n"),
              {}, absl::StrCat("host_model = \"", GetParam().model, "\"\n")));
    auto sender = RawSender::Open(lab().client(), LabPlan::kClientNic);
    ASSERT_OK(sender);
    client_.emplace(*std::move(sender));
    for (int nic = 0; nic < 2; ++nic) {
      auto port = Capture::Start(lab().switch_netns(), LabPlan::Port(nic),
                                 {.direction = CaptureOptions::Direction::kIncoming});
      ASSERT_OK(port);
      ports_.push_back(*std::move(port));
    }
  }
  [[nodiscard]] bool weak() const { return std::string(GetParam().model) == "weak"; }
  [[nodiscard]] bool stay() const { return std::string(GetParam().mac) == "stay"; }

  // An echo request for the address of `home`, to any MAC.
  void Ask(int home, int family, const MacAddress& mac, uint16_t sequence) {
    const Ethernet link{mac, LabPlan::ClientMac(0)};
    const IpAddress from = ClientAddress(family);
    const IpAddress to = Address(home, family);
    const uint32_t rest = uint32_t{kEchoId} << 16 | sequence;
    ASSERT_OK(client_->Send(
        family == AF_INET
            ? BuildFrame({link, Ipv4{.source = from, .destination = to}, Icmp{.rest = rest}})
            : BuildFrame({link, Ipv6{.source = from, .destination = to}, Icmp6{.rest = rest}})));
  }

  // Answers with this sequence number that left by a port.
  int Answers(int port, uint16_t sequence) {
    return ports_[static_cast<size_t>(port)]->Count([&](const Frame& frame) {
      return frame.icmp && frame.icmp->id == kEchoId && frame.icmp->sequence == sequence &&
             (frame.icmp->type == 0 || frame.icmp->type == 129);
    });
  }
  void AwaitAnswer(int port, uint16_t sequence) {
    EXPECT_OK(Await(
        absl::Seconds(5), [&] { return Answers(port, sequence) == 1; },
        absl::StrCat("the answer to ", sequence, " at p", port)));
  }
  int64_t Counter(const std::string& verdict) {
    const auto status = agent().Status();
    EXPECT_OK(status);
    return status->at("counters").at(verdict).get<int64_t>();
  }

  std::optional<RawSender> client_;
  std::vector<std::unique_ptr<Capture>> ports_;
};

INSTANTIATE_TEST_SUITE_P(
    , HostModel,
    ::testing::Values(Setting{"strong", "native", "follow"}, Setting{"strong", "generic", "follow"},
                      Setting{"strong", "off", "stay"}, Setting{"weak", "native", "follow"},
                      Setting{"weak", "generic", "follow"}, Setting{"weak", "off", "stay"}),
    [](const auto& setting) {
      return absl::StrCat(setting.param.model, "_", setting.param.xdp, "_", setting.param.mac);
    });

TEST_P(HostModel, DecidesWhetherAnotherNicAcceptsAPacket) {
  for (const int family : {AF_INET, AF_INET6}) {
    for (int home = 0; home < 2; ++home) {
      const int other = 1 - home;
      SCOPED_TRACE(Address(home, family).ToString());
      const auto sequence = static_cast<uint16_t>(family * 100 + home * 10);
      const int64_t dropped = Counter("in_foreign");
      const int64_t accepted = Counter("in_weak");
      Ask(home, family, LabPlan::NicMac(home), sequence);
      AwaitAnswer(home, sequence);
      constexpr uint16_t kPackets = 5;
      for (uint16_t i = 1; i <= kPackets; ++i) {
        Ask(home, family, LabPlan::NicMac(other), static_cast<uint16_t>(sequence + i));
      }
      // On the same way behind them, and for the other NIC itself.
      Ask(other, family, LabPlan::NicMac(other), static_cast<uint16_t>(sequence + 9));
      AwaitAnswer(other, static_cast<uint16_t>(sequence + 9));
      for (uint16_t i = 1; i <= kPackets; ++i) {
        if (weak()) {
          AwaitAnswer(home, static_cast<uint16_t>(sequence + i));
        }
        EXPECT_EQ(Answers(home, static_cast<uint16_t>(sequence + i)), weak() ? 1 : 0);
        EXPECT_EQ(Answers(other, static_cast<uint16_t>(sequence + i)), 0) << "by the wrong NIC";
      }
      EXPECT_EQ(Counter("in_foreign") - dropped, weak() ? 0 : kPackets);
      EXPECT_EQ(Counter("in_weak") - accepted, weak() ? kPackets : 0);
    }
  }
}

TEST_P(HostModel, MakesNoDifferenceOnTheStandIn) {
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  for (const int family : {AF_INET, AF_INET6}) {
    for (int home = 0; home < 2; ++home) {
      SCOPED_TRACE(Address(home, family).ToString());
      const auto sequence = static_cast<uint16_t>(family * 100 + home * 10);
      Ask(home, family, LabPlan::NicMac(stay() ? 1 : home), sequence);
      AwaitAnswer(1, sequence);
    }
  }
  EXPECT_GT(Counter("in_deliver"), 0);
}

TEST_P(HostModel, LeavesOneSpeaker) {
  for (const int phase : {0, 1}) {
    if (phase == 1) {
      ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
    }
    auto probe = ArpProbe::Open(lab());
    ASSERT_OK(probe);
    for (int home = 0; home < 2; ++home) {
      for (const int family : {AF_INET, AF_INET6}) {
        const auto counts = probe->AskMany(Address(home, family), 20);
        ASSERT_OK(counts);
        const int wire = phase == 0 ? home : 1;
        EXPECT_EQ(counts->answered_more_than_once, 0) << counts->ToString();
        EXPECT_EQ(counts->unanswered, 0) << counts->ToString();
        ASSERT_EQ(counts->answers.size(), 1U) << counts->ToString();
        EXPECT_EQ(counts->answers.begin()->first.port, LabPlan::Port(wire));
        EXPECT_EQ(counts->answers.begin()->first.mac, LabPlan::NicMac(stay() ? wire : home));
      }
    }
  }
}

}  // namespace
}  // namespace stronghost::lab
