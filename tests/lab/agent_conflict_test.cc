// Another host claims an address of ours: the administrator is told. Our own NICs, of whatever
// group or of none, are no intruders.
#include <sys/socket.h>

#include "tests/lab/agent_fixture.h"
#include "tests/lib/await.h"
#include "tests/lib/frame_builder.h"
#include "tests/lib/raw_sender.h"

namespace stronghost::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

enum class Third { kOwnGroup, kOtherGroup, kNoGroup };

struct Setting {
  const char* name;
  const char* xdp;
  Third third;  // what eth2 is: eth0 and eth1 are a group
};

class Conflict : public AgentLab, public ::testing::WithParamInterface<Setting> {
 protected:
  void SetUp() override {
    auto lab = Lab::Create({.nics = 3});
    ASSERT_OK(lab);
    lab_ = *std::move(lab);
    const std::string keys = absl::StrCat(GroupKeys("follow"), "xdp = \"", GetParam().xdp, "\"\n");
    std::string groups = GroupToml({"eth0", "eth1"}, keys);
    if (GetParam().third == Third::kOwnGroup) {
      groups = GroupToml({"eth0", "eth1", "eth2"}, keys);
    } else if (GetParam().third == Third::kOtherGroup) {
      absl::StrAppend(&groups, "[[group]]\nname = \"back\"\nnics = [\"eth2\"]\n", keys);
    }
    auto agent = Agent::Start(this->lab().server(), {.groups = groups});
    ASSERT_OK(agent);
    agent_.emplace(*std::move(agent));
  }

  // What a host with this MAC says to everybody when it takes the address.
  static Bytes Claim(const MacAddress& mac, const IpAddress& ip) {
    if (ip.IsV4()) {
      return GratuitousArp(mac, ip);
    }
    const IpAddress everybody = IpAddress::Parse("ff02::1").value();
    return BuildFrame({Ethernet{MulticastMac(everybody), mac},
                       Ipv6{.source = ip, .destination = everybody, .hop_limit = 255},
                       NeighborAdvertisement{.target = ip, .target_mac = mac, .solicited = false}});
  }
  static std::string Report(const MacAddress& mac, const IpAddress& ip) {
    return absl::StrCat("address conflict: ", mac.ToString(), " claims ", ip.ToString());
  }
  RawSender Open(const NetNs& netns, const std::string& nic) {
    auto sender = RawSender::Open(netns, nic);
    EXPECT_OK(sender);
    return *std::move(sender);
  }
  // One report a second is made of each home, so the claim is repeated.
  void ExpectReported(const RawSender& from, const MacAddress& mac, const IpAddress& ip) {
    EXPECT_OK(Await(
        absl::Seconds(10),
        [&] {
          EXPECT_OK(from.Send(Claim(mac, ip)));
          return agent().Log().find(Report(mac, ip)) != std::string::npos;
        },
        Report(mac, ip)))
        << agent().Log();
  }
};

INSTANTIATE_TEST_SUITE_P(, Conflict,
                         ::testing::Values(Setting{"native_own_group", "native", Third::kOwnGroup},
                                           Setting{"native_other_group", "native",
                                                   Third::kOtherGroup},
                                           Setting{"native_no_group", "native", Third::kNoGroup},
                                           Setting{"off_other_group", "off", Third::kOtherGroup},
                                           Setting{"generic_no_group", "generic", Third::kNoGroup}),
                         [](const auto& setting) { return std::string(setting.param.name); });

TEST_P(Conflict, WithAForeignHostIsReportedWithItsMac) {
  const RawSender client = Open(lab().client(), LabPlan::kClientNic);
  for (const int family : {AF_INET, AF_INET6}) {
    for (int nic = 0; nic < 2; ++nic) {
      ExpectReported(client, LabPlan::ClientMac(0), Address(nic, family));
    }
  }
}

TEST_P(Conflict, IsNotSeenInWhatOwnNicsSay) {
  const RawSender third = Open(lab().server(), "eth2");
  const RawSender client = Open(lab().client(), LabPlan::kClientNic);
  for (const int family : {AF_INET, AF_INET6}) {
    for (int nic = 0; nic < 2; ++nic) {
      const IpAddress ip = Address(nic, family);
      // Seen by the agent in this order; the second is the proof that the first has been seen.
      ASSERT_OK(third.Send(Claim(LabPlan::NicMac(2), ip)));
      ExpectReported(client, LabPlan::ClientMac(0), ip);
    }
  }
  for (int nic = 0; nic < 3; ++nic) {
    EXPECT_THAT(agent().Log(), Not(HasSubstr(LabPlan::NicMac(nic).ToString() + " claims")));
  }
}

// Twenty claims of an own NIC, and a foreign one behind them. A NIC of no group is known to the
// agent, not to BPF, whose limit of one report a second counts it: there a later claim is reported.
TEST_P(Conflict, WithAForeignHostIsReportedWhileOwnNicsTalk) {
  const RawSender third = Open(lab().server(), "eth2");
  const RawSender client = Open(lab().client(), LabPlan::kClientNic);
  const MacAddress mac = LabPlan::ClientMac(0);
  const IpAddress ip = Address(0, AF_INET);
  ASSERT_OK(third.Repeat(Claim(LabPlan::NicMac(2), ip), 20));
  if (GetParam().third == Third::kNoGroup) {
    ExpectReported(client, mac, ip);
    return;
  }
  ASSERT_OK(client.Send(Claim(mac, ip)));
  EXPECT_OK(agent().process().AwaitOutput(Report(mac, ip), absl::Seconds(5)));
}

// RFC 5227: a probe claims nothing, and neither does who asks under its own address.
TEST_P(Conflict, IsNotSeenInQuestions) {
  const RawSender client = Open(lab().client(), LabPlan::kClientNic);
  const MacAddress mac = LabPlan::ClientMac(0);
  const IpAddress nobody = IpAddress::V4(0);
  for (int nic = 0; nic < 2; ++nic) {
    ASSERT_OK(client.Send(ArpRequest(mac, nobody, Address(nic, AF_INET))));
    ASSERT_OK(client.Send(ArpRequest(mac, ClientAddress(AF_INET), Address(nic, AF_INET))));
    ASSERT_OK(client.Send(NeighborSolicit(mac, IpAddress(), Address(nic, AF_INET6))));
    ASSERT_OK(client.Send(NeighborSolicit(mac, ClientAddress(AF_INET6), Address(nic, AF_INET6))));
  }
  const MacAddress intruder = {{0x02, 0, 0, 0, 0x66, 0x06}};
  ExpectReported(client, intruder, Address(0, AF_INET));
  ExpectReported(client, intruder, Address(1, AF_INET));
  EXPECT_THAT(agent().Log(), Not(HasSubstr(mac.ToString() + " claims")));
}

}  // namespace
}  // namespace stronghost::lab
