// Frames of odd shapes: fragments, options and extension headers obey their address; what is
// tagged, cut short or of another kind passes byte for byte on the NIC that it is on.
#include <net/ethernet.h>
#include <sys/socket.h>

#include "tests/lab/agent_fixture.h"
#include "tests/lab/odd_frames.h"
#include "tests/lab/stack_tap.h"
#include "tests/lib/await.h"
#include "tests/lib/frame_builder.h"
#include "tests/lib/raw_sender.h"

namespace stronghost::lab {
namespace {

struct Setting {
  const char* mac;
  const char* xdp;
};

// Each with its wires: wires_[home] is the NIC that carries it.
class Frames : public AgentLab, public ::testing::WithParamInterface<Setting> {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(
        Build(absl::StrCat(GroupKeys(GetParam().mac, "never"), "xdp = \"", GetParam().xdp, "\"\n"),
              {.offloads = false}));
    // Where the kernel has br_netfilter, a bridge drops what is no proper IP packet; no switch
    // does.
    for (const char* hook : {"iptables", "ip6tables"}) {
      const auto set =
          lab().switch_netns().SetSysctl(absl::StrCat("net/bridge/bridge-nf-call-", hook), "0");
      EXPECT_TRUE(set.ok() || absl::IsNotFound(set)) << set.message();
    }
  }
  void Fail() {
    ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
    wires_ = {1, 1};
  }
  [[nodiscard]] bool stay() const { return std::string(GetParam().mac) == "stay"; }
  [[nodiscard]] bool plugged(int nic) const { return nic == 1 || wires_[0] == 0; }

  void ExpectOnTheWay(int device, int home, int family, uint8_t tag);
  void ExpectOnTheWayIn(int arrival, int home, int family, uint8_t tag);
  void ExpectAllOut();
  void ExpectAllIn();

  std::vector<int> wires_ = {0, 1};
};

INSTANTIATE_TEST_SUITE_P(, Frames,
                         ::testing::Values(Setting{"follow", "native"}, Setting{"stay", "native"},
                                           Setting{"follow", "generic"}, Setting{"follow", "off"},
                                           Setting{"stay", "off"}),
                         [](const auto& setting) {
                           return absl::StrCat(setting.param.mac, "_", setting.param.xdp);
                         });

// From `device`, whoever owns the source; ends when all that is to come out has come out, once.
void Frames::ExpectOnTheWay(int device, int home, int family, uint8_t tag) {
  std::vector<std::unique_ptr<Capture>> ports;
  for (int nic = 0; nic < 2; ++nic) {
    auto port = Capture::Start(lab().switch_netns(), LabPlan::Port(nic),
                               {.direction = CaptureOptions::Direction::kIncoming});
    ASSERT_OK(port);
    ports.push_back(*std::move(port));
  }
  auto sender = RawSender::Open(lab().server(), LabPlan::Nic(device));
  ASSERT_OK(sender);
  const MacAddress client = LabPlan::ClientMac(0);
  const std::vector<OddFrame> frames = OddFrames({client, LabPlan::NicMac(device)},
                                                 Address(home, family), ClientAddress(family), tag);
  const int wire = wires_[static_cast<size_t>(home)];
  for (const OddFrame& frame : frames) {
    SCOPED_TRACE(absl::StrCat(frame.name, " of eth", home, " sent on eth", device));
    ASSERT_OK(sender->Send(frame.bytes));
    const int port = frame.ip ? wire : device;
    Bytes expected = frame.bytes;
    if (frame.ip && wire != device) {
      expected = WithMacs(expected, client, LabPlan::NicMac(stay() ? wire : home));
    }
    if (plugged(port)) {
      ASSERT_OK(ports[static_cast<size_t>(port)]->AwaitFrame(
          [&](const CapturedFrame& seen) { return seen.bytes == expected; }, absl::Seconds(5)));
    }
  }
  for (const OddFrame& frame : frames) {
    for (int port = 0; port < 2; ++port) {
      int copies = 0;
      for (const CapturedFrame& seen : ports[static_cast<size_t>(port)]->Frames()) {
        copies += SameBehindMacs(seen.bytes, frame.bytes) ? 1 : 0;
      }
      EXPECT_EQ(copies, port == (frame.ip ? wire : device) && plugged(port) ? 1 : 0)
          << frame.name << " of eth" << home << " sent on eth" << device << ", at p" << port;
    }
  }
}

// To `arrival`'s MAC, whoever owns the destination.
void Frames::ExpectOnTheWayIn(int arrival, int home, int family, uint8_t tag) {
  auto tap = StackTap::Open(lab().server(), 2,
                            {ETHERTYPE_IP, ETHERTYPE_IPV6, ETHERTYPE_ARP, ETHERTYPE_VLAN, 0x88b5});
  ASSERT_OK(tap);
  auto sender = RawSender::Open(lab().client(), LabPlan::kClientNic);
  ASSERT_OK(sender);
  const Ethernet link{LabPlan::NicMac(arrival), LabPlan::ClientMac(0)};
  std::vector<OddFrame> frames = OddFrames(link, ClientAddress(family), Address(home, family), tag);
  frames.push_back(PriorityTagged(link, ClientAddress(family), Address(home, family), tag ^ 0x40));
  // The last is for whoever it arrives on: when it has come, so has all that was before it.
  const int on = plugged(arrival) ? arrival : 1;
  frames.push_back(OddFrames(link, ClientAddress(family), Address(on, family), tag ^ 0x80).front());
  for (const OddFrame& frame : frames) {
    ASSERT_OK(sender->Send(frame.bytes));
  }
  const auto copies = [&](const OddFrame& frame, int nic) {
    int number = 0;
    for (const StackTap::Seen& seen : tap->Read()) {
      number += seen.nic == nic && SameBehindMacs(seen.bytes, frame.WithoutOuterTag()) ? 1 : 0;
    }
    return number;
  };
  EXPECT_OK(Await(
      absl::Seconds(5), [&] { return copies(frames.back(), on) == 1; }, "the last"));
  frames.pop_back();
  const int wire = wires_[static_cast<size_t>(home)];
  for (const OddFrame& frame : frames) {
    SCOPED_TRACE(absl::StrCat(frame.name, " for eth", home, " to the MAC of eth", arrival));
    // A tag that the (virtual) hardware took out is hidden from XDP, which may judge by what it
    // sees: nobody waits for it, as long as the NIC has no VLAN children.
    const bool hidden_tag = !frame.ip && frame.WithoutOuterTag().size() != frame.bytes.size() &&
                            std::string(GetParam().xdp) != "off" && wire != on;
    if (hidden_tag) {
      continue;
    }
    const int nic = frame.ip ? home : on;
    EXPECT_EQ(copies(frame, nic), frame.ip && wire != on ? 0 : 1);
    EXPECT_EQ(copies(frame, 1 - nic), 0);
    Bytes expected = frame.WithoutOuterTag();
    if (frame.ip && home != arrival) {  // also where it lives, under the MAC of another
      expected = WithMacs(expected, LabPlan::NicMac(home), LabPlan::ClientMac(0));
    }
    for (const StackTap::Seen& seen : tap->Read()) {
      if (SameBehindMacs(seen.bytes, expected)) {
        EXPECT_EQ(seen.bytes, expected);
      }
    }
  }
}

void Frames::ExpectAllOut() {
  uint8_t tag = 0;
  for (const int family : {AF_INET, AF_INET6}) {
    for (int device = 0; device < 2; ++device) {
      for (int home = 0; home < 2; ++home) {
        ASSERT_NO_FATAL_FAILURE(ExpectOnTheWay(device, home, family, ++tag));
      }
    }
  }
}

void Frames::ExpectAllIn() {
  uint8_t tag = 0;
  for (const int family : {AF_INET, AF_INET6}) {
    for (int arrival = 0; arrival < 2; ++arrival) {
      for (int home = 0; home < 2; ++home) {
        ASSERT_NO_FATAL_FAILURE(ExpectOnTheWayIn(arrival, home, family, ++tag));
      }
    }
  }
}

TEST_P(Frames, LeaveByTheWireOfTheirSourceOrUntouched) {
  ExpectAllOut();
}

TEST_P(Frames, LeaveByTheStandInOfTheirSourceOrUntouched) {
  Fail();
  ExpectAllOut();
}

TEST_P(Frames, ReachTheHomeOfTheirDestinationOrArriveUntouched) {
  ExpectAllIn();
}

TEST_P(Frames, ReachTheHomeOfTheirDestinationThroughTheStandInOrArriveUntouched) {
  Fail();
  ExpectAllIn();
}

}  // namespace
}  // namespace stronghost::lab
