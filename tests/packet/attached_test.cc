// The programs on the hooks of real interfaces: frames that are redirected meet the next program,
// and come out where they should.
#include "tests/packet/attached.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <memory>

#include "tests/lib/await.h"
#include "tests/lib/capture.h"
#include "tests/lib/gtest_status.h"
#include "tests/lib/raw_sender.h"
#include "tests/packet/program_fixture.h"
#include "tests/packet/test_frames.h"

namespace stronghost::packet {
namespace {

using lab::BuildFrame;
using lab::Capture;
using lab::CapturedFrame;
using lab::CaptureOptions;
using lab::Ethernet;
using lab::Payload;
using lab::RawSender;

class AttachedTest : public ProgramFixture {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(ProgramFixture::SetUp());
    for (const Nic* nic : {&h0_, &h1_, &h2_}) {
      ASSERT_OK(AttachToTc(programs(), *nic));
    }
  }
  std::unique_ptr<Capture> CaptureOn(const std::string& interface) {
    auto capture =
        Capture::Start(netns(), interface, {.direction = CaptureOptions::Direction::kIncoming});
    EXPECT_OK(capture);
    return capture.ok() ? *std::move(capture) : nullptr;
  }
  void Send(const std::string& interface, const Bytes& frame) {
    const auto sender = RawSender::Open(netns(), interface);
    ASSERT_OK(sender);
    ASSERT_OK(sender->Send(frame));
  }
  void SendPaged(const std::string& interface, const Bytes& frame) {
    auto sender = PagedSender::Open(netns(), interface);
    ASSERT_OK(sender);
    ASSERT_OK(sender->Send(frame));
  }
  static void ExpectArrives(Capture& capture, const Bytes& frame) {
    const auto arrived = capture.AwaitFrame(
        [&](const CapturedFrame& captured) { return captured.bytes == frame; }, absl::Seconds(5));
    EXPECT_OK(arrived);
  }
  void ExpectCounted(const Nic& nic, sh_verdict verdict, uint64_t packets = 1) {
    const Count count{nic.home, verdict};
    EXPECT_OK(lab::Await(absl::Seconds(5), [&] { return programs().Packets(count) >= packets; }))
        << count;
    EXPECT_EQ(programs().Packets(count), packets) << count;
  }
  [[nodiscard]] Bytes FromH1OnH0(Family family) const {
    return Datagram(h0_.mac, h1_.Address(family), kClientMac, Client(family));
  }
  [[nodiscard]] static Bytes ToH0(const Nic& mac_of, const Nic& h0, Family family) {
    return Datagram(kClientMac, Client(family), mac_of.mac, h0.Address(family));
  }
};

TEST_F(AttachedTest, SteeredFramesLeaveByTheWireOnceAndUnmarked) {
  const auto on_p0 = CaptureOn("p0");
  const auto on_p1 = CaptureOn("p1");
  const Bytes frame = FromH1OnH0(Family::kV4);
  Send("h0", frame);
  ExpectArrives(*on_p1, WithSource(frame, h1_.mac));
  ExpectCounted(h0_, SH_OUT_STEER);
  ExpectCounted(h1_, SH_OUT_CARRIED);
  EXPECT_TRUE(on_p0->Frames().empty());
  EXPECT_EQ(on_p1->Frames().size(), 1U);
}

TEST_F(AttachedTest, TheStreamGoesOnFromOneDeadWireToTheNext) {
  SetPath(h0_, h1_, h2_);
  SetCarrier(h1_, false);
  const auto on_p2 = CaptureOn("p2");
  const Bytes frame = Datagram(h0_.mac, h0_.v6, kClientMac, Client(Family::kV6));
  Send("h0", frame);
  ExpectArrives(*on_p2, frame);
  ExpectCounted(h0_, SH_OUT_STAND_IN);
  ExpectCounted(h1_, SH_OUT_CARRIED);
  ExpectCounted(h2_, SH_OUT_CARRIED);
  EXPECT_EQ(Path(h0_).wire, h2_.ifindex);
  EXPECT_EQ(TakeEvents().size(), 1U);
}

TEST_F(AttachedTest, DeliveredFramesArriveInTheHome) {
  SetPath(h0_, h1_);
  const auto into_h0 = CaptureOn("h0");
  for (const Family family : {Family::kV4, Family::kV6}) {
    Send("p1", ToH0(h1_, h0_, family));
    ExpectArrives(*into_h0, ToH0(h0_, h0_, family));
  }
  ExpectCounted(h1_, SH_IN_DELIVER, 2);
  ExpectCounted(h0_, SH_IN_HOME, 2);
  // The same frame from the home's own cable is refused.
  Send("p0", ToH0(h0_, h0_, Family::kV4));
  ExpectCounted(h0_, SH_IN_FOREIGN);
}

TEST_F(AttachedTest, ClonesArriveInTheHomeAndTheOriginalGoesOn) {
  SetPath(h0_, h1_);
  const Bytes frame = lab::ArpRequest(kClientMac, Client(Family::kV4), Ip("198.51.100.254"));
  Send("p1", frame);
  ExpectCounted(h1_, SH_IN_PASS);
  ExpectCounted(h0_, SH_IN_HOME);
}

TEST_F(AttachedTest, GenericGuardLetsDeliveredFramesIn) {
  SetPath(h0_, h1_);
  SetNicFlags(h0_, SH_NIC_XDP_GENERIC);
  ASSERT_OK(AttachToXdp(programs(), h0_, XdpMode::kGeneric));
  Send("p1", ToH0(h1_, h0_, Family::kV4));
  ExpectCounted(h0_, SH_IN_HOME);
  Send("p0", ToH0(h0_, h0_, Family::kV4));
  ExpectCounted(h0_, SH_IN_FOREIGN);
  Send("p0", ToH0(h0_, h1_, Family::kV4));  // dropped by guard: counted once
  ExpectCounted(h0_, SH_IN_FOREIGN, 2);
}

TEST_F(AttachedTest, NativeGuardDropsBeforeTheStack) {
  SetNicFlags(h1_, SH_NIC_XDP_NATIVE);
  ASSERT_OK(AttachToXdp(programs(), h1_, XdpMode::kNative));
  Send("p1", ToH0(h1_, h0_, Family::kV4));
  ExpectCounted(h1_, SH_IN_FOREIGN);
  Send("p1", ToH0(h1_, h1_, Family::kV4));
  ExpectCounted(h1_, SH_IN_PASS);
}

TEST_F(AttachedTest, VlanTagInMetadataPassesOnTheWayOut) {
  ASSERT_OK(AttachVlanPush(h0_, 5));
  const auto on_p0 = CaptureOn("p0");
  const Bytes plain = FromH1OnH0(Family::kV4);
  Send("h0", plain);
  Bytes tagged = plain;
  const uint8_t tag[] = {0x81, 0x00, 0x00, 0x05};
  tagged.insert(tagged.begin() + 12, std::begin(tag), std::end(tag));
  ExpectArrives(*on_p0, tagged);
  ExpectCounted(h0_, SH_OUT_UNTOUCHED);
}

TEST_F(AttachedTest, VlanTagInMetadataPassesOnTheWayIn) {
  // The stack takes the tag out of the frame before tc ingress.
  const Bytes frame =
      BuildFrame({Ethernet{.destination = h0_.mac, .source = kClientMac}, lab::Vlan{.id = 5},
                  IpHeader(Client(Family::kV4), h1_.v4), lab::Udp{}, Payload::Zeros(20)});
  Send("p0", frame);
  ExpectCounted(h0_, SH_IN_UNTOUCHED);
}

TEST_F(AttachedTest, ReadsHeadersThatAreNotLinearOnTheWayOut) {
  AddFlags(h1_, SH_HOME_STAY);
  SetPath(h1_, h2_);
  const auto on_p2 = CaptureOn("p2");
  const Bytes v4 = FromH1OnH0(Family::kV4);
  const Bytes v6 = FromH1OnH0(Family::kV6);
  SendPaged("h0", v4);
  ExpectArrives(*on_p2, WithSource(v4, h2_.mac));
  SendPaged("h0", v6);
  ExpectArrives(*on_p2, WithSource(v6, h2_.mac));
  SendPaged("h0", lab::GratuitousArp(h0_.mac, h1_.v4));
  ExpectArrives(*on_p2, lab::GratuitousArp(h2_.mac, h1_.v4));
  SendPaged("h0", Announcement(h0_.mac, h1_.v6));
  ExpectArrives(*on_p2, Announcement(h2_.mac, h1_.v6));
  ExpectCounted(h0_, SH_OUT_STEER, 4);
}

TEST_F(AttachedTest, ReadsHeadersThatAreNotLinearOnTheWayIn) {
  for (const Family family : {Family::kV4, Family::kV6}) {
    SendPaged("p0", ToH0(h0_, h1_, family));
    SendPaged("p0", AddressRequest(kClientMac, Client(family), h1_.Address(family)));
    SendPaged("p0", AddressReply(kChildMac, h0_.Address(family), h0_.mac, h0_.Address(family)));
  }
  ExpectCounted(h0_, SH_IN_FOREIGN, 2);
  ExpectCounted(h0_, SH_IN_SUPPRESS, 2);
  ExpectCounted(h0_, SH_IN_PASS, 2);
  EXPECT_EQ(TakeEvents().size(), 1U);
}

// A packet socket may say any protocol; what a frame is stands in its bytes.
TEST_F(AttachedTest, RewritesArpWhateverItsSenderCallsIt) {
  const auto socket = netns().Socket(AF_PACKET, SOCK_RAW, 0);
  ASSERT_OK(socket);
  const auto on_p1 = CaptureOn("p1");
  const Bytes frame = lab::GratuitousArp(h0_.mac, h1_.v4);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(h0_.ifindex);
  address.sll_protocol = __builtin_bswap16(ETH_P_IP);
  ASSERT_EQ(sendto(socket->get(), frame.data(), frame.size(), 0,
                   reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            static_cast<ssize_t>(frame.size()));
  ExpectArrives(*on_p1, lab::GratuitousArp(h1_.mac, h1_.v4));
}

}  // namespace
}  // namespace stronghost::packet
