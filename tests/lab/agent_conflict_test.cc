// Another host claims an address or a MAC of ours: the administrator is told. Our own NICs, of
// whatever group or of none, are no intruders.
#include <bpf/bpf.h>
#include <sys/socket.h>

#include "agent/base/unique_fd.h"
#include "maps/homes.h"
#include "tests/lab/relocation_fixture.h"
#include "tests/lib/await.h"
#include "tests/lib/capture.h"
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

class Defence : public AgentLab {
 protected:
  // Claims until the agent has told of it `times` times; a second lies between them.
  void Claim(const IpAddress& ip, int times) {
    auto sender = RawSender::Open(lab().client(), LabPlan::kClientNic);
    ASSERT_OK(sender);
    const std::string report = absl::StrCat("claims ", ip.ToString());
    ASSERT_OK(Await(
        absl::Seconds(20),
        [&] {
          EXPECT_OK(sender->Send(GratuitousArp(LabPlan::ClientMac(0), ip)));
          return agent().TimesLogged(report) >= times;
        },
        report));
  }
  // Announcements of `ip` that came out of the server's NICs.
  int Defences(Capture& capture, const IpAddress& ip) {
    int count = 0;
    for (const CapturedFrame& frame : capture.Frames()) {
      const Frame parsed = frame.Parse();
      count +=
          parsed.arp.has_value() && parsed.arp->sender == ip && parsed.arp->target == ip ? 1 : 0;
    }
    return count;
  }
  std::unique_ptr<lab::Capture> CaptureAtPort(int nic) {
    auto capture = Capture::Start(lab().switch_netns(), LabPlan::Port(nic),
                                  {.direction = CaptureOptions::Direction::kIncoming});
    EXPECT_OK(capture);
    return *std::move(capture);
  }
};

// RFC 5227 section 2.4 (c): one announcement within 10 seconds.
TEST_F(Defence, OfAnAddressIsOneAnnouncementFromItsWire) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  const auto capture = CaptureAtPort(1);
  const IpAddress ip = Address(0, AF_INET);
  ASSERT_NO_FATAL_FAILURE(Claim(ip, 3));
  EXPECT_OK(capture->AwaitFrame(
      [&](const CapturedFrame& frame) {
        const Frame parsed = frame.Parse();
        return parsed.arp.has_value() && parsed.arp->sender == ip && parsed.arp->target == ip &&
               parsed.arp->sender_mac == LabPlan::NicMac(0);
      },
      absl::Seconds(5)));
  EXPECT_EQ(Defences(*capture, ip), 1);
  const auto status = agent().Command({"status"});
  ASSERT_OK(status);
  EXPECT_THAT(status->output, HasSubstr("claims 198.51.100.1, which is ours"));
}

TEST_F(Defence, IsLeftOutWhereOnlyAReportIsWanted) {
  ASSERT_NO_FATAL_FAILURE(Build(absl::StrCat(GroupKeys("follow"), "conflict = \"report\"\n")));
  const auto capture = CaptureAtPort(0);
  ASSERT_NO_FATAL_FAILURE(Claim(Address(0, AF_INET), 2));
  // The answer comes behind all that was sent before it.
  ASSERT_OK(lab().client().Check({"ping", "-c", "1", "-W", "5", Address(0, AF_INET).ToString()}));
  EXPECT_EQ(Defences(*capture, Address(0, AF_INET)), 0);
}

// A clone of the server, or a switch with a loop: its frames are dropped as our own would be, but
// somebody is told.
class MacConflict : public RelocationLab {
 protected:
  // The client says something to everybody under `mac` until the agent has told so `times` times.
  void SpeakUnder(const MacAddress& mac, int times) {
    auto sender = RawSender::Open(lab().client(), LabPlan::kClientNic);
    ASSERT_OK(sender);
    mac_conflict_ = true;
    const std::string report = absl::StrCat("MAC conflict: frames under ", mac.ToString());
    ASSERT_OK(Await(
        absl::Seconds(20),
        [&] {
          EXPECT_OK(sender->Send(GratuitousArp(mac, IpAddress::V4(0xc6336463))));
          return agent().TimesLogged(report) >= times;
        },
        report))
        << agent().Log();
  }
  // Slots of sh_homes that stand for a NIC that is gone.
  int Aliases() {
    const UniqueFd homes(bpf_obj_get(absl::StrCat(agent().pin_dir(), "/sh_homes").c_str()));
    EXPECT_TRUE(homes.valid());
    int aliases = 0;
    for (uint32_t index = 1; index < SH_HOMES_MAX; ++index) {
      sh_home home{};
      EXPECT_EQ(bpf_map_lookup_elem(homes.get(), &index, &home), 0);
      aliases += (home.flags & SH_HOME_ALIAS) != 0 ? 1 : 0;
    }
    return aliases;
  }
};

TEST_F(MacConflict, IsReportedOnEveryWireInEveryXdpMode) {
  for (const char* xdp : {"off", "generic", "native"}) {
    ASSERT_NO_FATAL_FAILURE(
        Build(absl::StrCat(GroupKeys("follow", "never"), "xdp = \"", xdp, "\"\n")));
    ASSERT_NO_FATAL_FAILURE(SpeakUnder(LabPlan::NicMac(0), 1));
    const auto status = agent().Command({"status"});
    ASSERT_OK(status);
    EXPECT_THAT(status->output, HasSubstr("the MAC of eth0, come in on eth0"));
    ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
    ASSERT_NO_FATAL_FAILURE(SpeakUnder(LabPlan::NicMac(0), 2));
    EXPECT_THAT(agent().Log(), HasSubstr("the MAC of eth0, come in on eth1"));
    agent_.reset();
    lab_.reset();
  }
}

// The card was put into another machine, or given to a guest: its MAC is not ours to serve.
TEST_F(MacConflict, EndsTheServiceForTheMacOfANicThatIsGone) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_OK(lab().RemoveNic(0));
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
  EXPECT_EQ(Aliases(), 1);
  ASSERT_NO_FATAL_FAILURE(SpeakUnder(LabPlan::NicMac(0), 2));
  EXPECT_OK(Await(
      absl::Seconds(5), [&] { return Aliases() == 0; }, "the alias to end"))
      << agent().Log();
  ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
}

}  // namespace
}  // namespace stronghost::lab
