// deliver: link-local addresses that repeat, multicast and broadcast that nobody owns, and the walk
// around the ring of a group.
#include <netinet/in.h>

#include <memory>

#include "tests/lib/capture.h"
#include "tests/packet/program_fixture.h"
#include "tests/packet/test_frames.h"

namespace stronghost::packet {
namespace {

using lab::BuildFrame;
using lab::Ethernet;
using lab::HopByHop;
using lab::Icmp6;
using lab::Ipv4;
using lab::Ipv6;
using lab::kBroadcastMac;
using lab::MulticastMac;
using lab::Payload;

class DeliverGroupTest : public ProgramFixture {
 protected:
  // What comes into the NIC from now on.
  std::unique_ptr<lab::Capture> CaptureOn(const Nic& nic) {
    auto capture = lab::Capture::Start(netns(), nic.name,
                                       {.direction = lab::CaptureOptions::Direction::kIncoming});
    EXPECT_TRUE(capture.ok()) << capture.status();
    return capture.ok() ? *std::move(capture) : nullptr;
  }
  // Waits until `frame` came into the NIC as the `count`th frame.
  static void ExpectArrived(lab::Capture& capture, const Bytes& frame, size_t count) {
    const auto arrived = capture.AwaitFrame(
        [&](const lab::CapturedFrame& captured) { return captured.bytes == frame; },
        absl::Seconds(5));
    EXPECT_TRUE(arrived.ok()) << arrived.status();
    EXPECT_EQ(capture.Frames().size(), count);
  }
  static std::vector<Bytes> UnownedGroupFrames() {
    const IpAddress all4 = Ip("224.0.0.1");
    const IpAddress all6 = Ip("ff02::1");
    const Ipv6 from_router{.source = ClientLinkLocal(), .destination = all6, .hop_limit = 255};
    const Ethernet to_all6{.destination = MulticastMac(all6), .source = kClientMac};
    return {
        BuildFrame({to_all6, from_router, lab::RouterAdvertisement{.source_mac = kClientMac}}),
        BuildFrame({to_all6, from_router, HopByHop{.options = {5, 2, 0, 0}}, Icmp6{.type = 130},
                    Payload::Zeros(20)}),
        BuildFrame({Ethernet{.destination = MulticastMac(all4), .source = kClientMac},
                    Ipv4{.source = Client(Family::kV4),
                         .destination = all4,
                         .ttl = 1,
                         .protocol = IPPROTO_IGMP},
                    Payload::Zeros(8)}),
        Datagram(kClientMac, Client(Family::kV4), kBroadcastMac, Ip("198.51.100.255")),
        lab::ArpRequest(kClientMac, Client(Family::kV4), Ip("198.51.100.254")),
        Announcement(kClientMac, Client(Family::kV6)),
    };
  }
  // h0, h1, `between` more, h2: a ring with h2 as its last member.
  void MakeRing(uint32_t between) {
    constexpr uint32_t kFirst = 100;
    ChangeHome(h1_.home, [](sh_home& home) { home.next = kFirst; });
    for (uint32_t i = 0; i < between; ++i) {
      sh_home home{};
      home.ifindex = home.path.wire = 5000 + i;
      home.group = 1;
      home.mac.bytes[0] = 2;
      home.mac.bytes[5] = static_cast<uint8_t>(i);
      home.next = i + 1 < between ? kFirst + i + 1 : h2_.home;
      ASSERT_TRUE(programs().SetHome(kFirst + i, home).ok());
    }
    ChangeHome(h2_.home, [&](sh_home& home) { home.next = h0_.home; });
  }
};

TEST_F(DeliverGroupTest, UnownedGroupFramesReachEveryHomeThatTheNicCarries) {
  SetPath(h0_, h1_);
  SetPath(h2_, h1_);
  const auto into_h0 = CaptureOn(h0_);
  const auto into_h1 = CaptureOn(h1_);
  const auto into_h2 = CaptureOn(h2_);
  size_t count = 0;
  for (const Bytes& frame : UnownedGroupFrames()) {
    EXPECT_EQ(Deliver(h1_, frame), Passed(frame, h1_.home, SH_IN_PASS));
    ++count;
    ExpectArrived(*into_h0, frame, count);
    ExpectArrived(*into_h2, frame, count);
  }
  EXPECT_TRUE(into_h1->Frames().empty());
}

TEST_F(DeliverGroupTest, UnownedGroupFramesOfOtherWiresAreRefusedAndNotCloned) {
  SetPath(h0_, h1_);
  const auto into_h0 = CaptureOn(h0_);
  const auto into_h1 = CaptureOn(h1_);
  const std::vector<Bytes> frames = UnownedGroupFrames();
  for (const Bytes& frame : frames) {
    EXPECT_EQ(Deliver(h0_, frame), Dropped(frame, h0_.home, SH_IN_FOREIGN));
    EXPECT_EQ(Deliver(h2_, frame), Passed(frame, h2_.home, SH_IN_PASS));
  }
  // The one that may come is the only one that does.
  EXPECT_EQ(Deliver(h1_, frames[0]), Passed(frames[0], h1_.home, SH_IN_PASS));
  ExpectArrived(*into_h0, frames[0], 1);
  EXPECT_TRUE(into_h1->Frames().empty());
}

TEST_F(DeliverGroupTest, ADrainedNicThatCarriesAnotherStillClonesForIt) {
  SetPath(h0_, h1_);
  SetPath(h1_, h0_);
  const auto into_h1 = CaptureOn(h1_);
  const Bytes frame = UnownedGroupFrames()[0];
  EXPECT_EQ(Deliver(h0_, frame), Dropped(frame, h0_.home, SH_IN_FOREIGN));
  ExpectArrived(*into_h1, frame, 1);
}

TEST_F(DeliverGroupTest, NativeGuardDoesNotKeepGroupFramesFromTheHomes) {
  SetPath(h0_, h1_);
  SetNicFlags(h1_, SH_NIC_XDP_NATIVE);
  const auto into_h0 = CaptureOn(h0_);
  const Bytes frame = UnownedGroupFrames()[0];
  EXPECT_EQ(Deliver(h1_, frame), Passed(frame, h1_.home, SH_IN_PASS));
  ExpectArrived(*into_h0, frame, 1);
}

TEST_F(DeliverGroupTest, OwnedEchoedAndForeignFramesAreNotCloned) {
  SetPath(h0_, h1_);
  const auto into_h0 = CaptureOn(h0_);
  const Bytes for_h1 = lab::ArpRequest(kClientMac, Client(Family::kV4), h1_.v4);
  EXPECT_EQ(Deliver(h1_, for_h1), Passed(for_h1, h1_.home, SH_IN_PASS));
  const Bytes for_h2 = lab::ArpRequest(kClientMac, Client(Family::kV4), h2_.v4);
  EXPECT_EQ(Deliver(h1_, for_h2), Dropped(for_h2, h1_.home, SH_IN_SUPPRESS));
  const Bytes echo = lab::ArpRequest(h0_.mac, h0_.v4, Client(Family::kV4));
  EXPECT_EQ(Deliver(h1_, echo), Dropped(echo, h1_.home, SH_IN_ECHO));
  const Bytes lldp = BuildFrame(
      {Ethernet{{{0x01, 0x80, 0xc2, 0, 0, 0x0e}}, kClientMac, 0x88cc}, Payload::Zeros(50)});
  EXPECT_EQ(Deliver(h1_, lldp), Passed(lldp, h1_.home, SH_IN_UNTOUCHED));
  const Bytes unicast = Datagram(kClientMac, Client(Family::kV4), h1_.mac, Ip("192.0.2.9"));
  EXPECT_EQ(Deliver(h1_, unicast), Passed(unicast, h1_.home, SH_IN_PASS));
  const Bytes last = UnownedGroupFrames()[0];
  EXPECT_EQ(Deliver(h1_, last), Passed(last, h1_.home, SH_IN_PASS));
  ExpectArrived(*into_h0, last, 1);
}

TEST_F(DeliverGroupTest, RepeatedLinkLocalAddressIsOfTheHomeWhoseMacIsAsked) {
  const auto to = [&](const Nic& nic) {
    return Datagram(kClientMac, ClientLinkLocal(), nic.mac, nic.link_local);
  };
  for (const Nic* nic : {&h0_, &h1_, &h2_}) {
    EXPECT_EQ(Deliver(*nic, to(*nic)), Passed(to(*nic), nic->home, SH_IN_PASS));
  }
  EXPECT_EQ(Deliver(h0_, to(h1_)), Dropped(to(h1_), h0_.home, SH_IN_FOREIGN));
  SetPath(h1_, h0_);
  EXPECT_EQ(Deliver(h0_, to(h0_)), Passed(to(h0_), h0_.home, SH_IN_PASS));
  EXPECT_EQ(Deliver(h0_, to(h1_)),
            Redirected(to(h1_), h0_.home, SH_IN_DELIVER, Mark{kMarkIn, h1_.home, 0}));
  EXPECT_EQ(Deliver(h1_, to(h1_)), Dropped(to(h1_), h1_.home, SH_IN_FOREIGN));
}

TEST_F(DeliverGroupTest, RepeatedLinkLocalAddressHasOneSpeakerOnEachWire) {
  const Bytes request = lab::NeighborSolicit(kClientMac, ClientLinkLocal(), h0_.link_local);
  SetPath(h1_, h0_);
  // h0 carries h1 too: its own home answers.
  EXPECT_EQ(Deliver(h0_, request), Passed(request, h0_.home, SH_IN_PASS));
  EXPECT_EQ(Deliver(h1_, request), Dropped(request, h1_.home, SH_IN_SUPPRESS));
  EXPECT_EQ(Deliver(h2_, request), Passed(request, h2_.home, SH_IN_PASS));
  // h0 is away itself, and still carries h1: h1 answers there.
  SetPath(h0_, h2_);
  EXPECT_EQ(Deliver(h0_, request),
            Redirected(request, h0_.home, SH_IN_DELIVER, Mark{kMarkIn, h1_.home, 0}));
  EXPECT_EQ(Deliver(h2_, request), Passed(request, h2_.home, SH_IN_PASS));
}

TEST_F(DeliverGroupTest, LinkLocalAddressOfOneHomeOnly) {
  const IpAddress only_h1 = Ip("fe80::2:1");
  SetAddress(only_h1, h1_.ifindex, h1_.home);
  const Bytes request = lab::NeighborSolicit(kClientMac, ClientLinkLocal(), only_h1);
  const Bytes packet = Datagram(kClientMac, ClientLinkLocal(), h1_.mac, only_h1);
  const Bytes wrong_mac = WithDestination(packet, h0_.mac);
  EXPECT_EQ(Deliver(h1_, request), Passed(request, h1_.home, SH_IN_PASS));
  EXPECT_EQ(Deliver(h0_, request), Dropped(request, h0_.home, SH_IN_SUPPRESS));
  EXPECT_EQ(Deliver(h0_, wrong_mac), Dropped(wrong_mac, h0_.home, SH_IN_FOREIGN));
  SetPath(h1_, h0_);
  const Mark mark{kMarkIn, h1_.home, 0};
  EXPECT_EQ(Deliver(h0_, request), Redirected(request, h0_.home, SH_IN_DELIVER, mark));
  EXPECT_EQ(Deliver(h0_, packet), Redirected(packet, h0_.home, SH_IN_DELIVER, mark));
  EXPECT_EQ(Deliver(h0_, wrong_mac), Redirected(packet, h0_.home, SH_IN_DELIVER, mark));
  // Another group's segment knows no such address.
  EXPECT_EQ(Deliver(b0_, request), Passed(request, b0_.home, SH_IN_PASS));
}

TEST_F(DeliverGroupTest, UnknownLinkLocalAddressIsOfNobody) {
  const IpAddress unknown = Ip("fe80::99");
  const Bytes packet = Datagram(kClientMac, ClientLinkLocal(), h0_.mac, unknown);
  const Bytes request = lab::NeighborSolicit(kClientMac, ClientLinkLocal(), unknown);
  for (const Bytes& frame : {packet, request}) {
    EXPECT_EQ(Deliver(h0_, frame), Passed(frame, h0_.home, SH_IN_PASS));
  }
  const Bytes of_sibling = WithDestination(packet, h1_.mac);
  EXPECT_EQ(Deliver(h0_, of_sibling), Dropped(of_sibling, h0_.home, SH_IN_FOREIGN));
  SetPath(h1_, h0_);
  EXPECT_EQ(Deliver(h0_, of_sibling),
            Redirected(of_sibling, h0_.home, SH_IN_DELIVER, Mark{kMarkIn, h1_.home, 0}));
}

// What the programs look for around the ring, looked for at its last member.
TEST_F(DeliverGroupTest, WalksTheRingOfAsManyMembersAsAGroupMayHave) {
  MakeRing(SH_GROUP_MAX - 3);
  SetPath(h2_, h0_);
  const IpAddress only_h2 = Ip("fe80::3:1");
  SetAddress(only_h2, h2_.ifindex, h2_.home);
  const Mark mark{kMarkIn, h2_.home, 0};
  const Bytes by_mac = Datagram(kClientMac, Client(Family::kV4), h2_.mac, Ip("192.0.2.9"));
  EXPECT_EQ(Deliver(h0_, by_mac), Redirected(by_mac, h0_.home, SH_IN_DELIVER, mark));
  const Bytes link_local = lab::NeighborSolicit(kClientMac, ClientLinkLocal(), only_h2);
  EXPECT_EQ(Deliver(h0_, link_local), Redirected(link_local, h0_.home, SH_IN_DELIVER, mark));
  const Bytes echo = lab::GratuitousArp(h2_.mac, h2_.v4);
  EXPECT_EQ(Deliver(h0_, echo), Dropped(echo, h0_.home, SH_IN_ECHO));
  const auto into_h2 = CaptureOn(h2_);
  const Bytes group = UnownedGroupFrames()[0];
  EXPECT_EQ(Deliver(h0_, group), Passed(group, h0_.home, SH_IN_PASS));
  ExpectArrived(*into_h2, group, 1);
  // Where guard runs in the driver, deliver looks whether it carries others.
  SetNicFlags(h0_, SH_NIC_XDP_NATIVE);
  EXPECT_EQ(Deliver(h0_, by_mac), Redirected(by_mac, h0_.home, SH_IN_DELIVER, mark));
}

TEST_F(DeliverGroupTest, WalksNoFurtherThanAGroupMayReach) {
  MakeRing(SH_GROUP_MAX - 2);  // one too many
  SetPath(h2_, h0_);
  const Bytes by_mac = Datagram(kClientMac, Client(Family::kV4), h2_.mac, Ip("192.0.2.9"));
  EXPECT_EQ(Deliver(h0_, by_mac), Passed(by_mac, h0_.home, SH_IN_PASS));
  // Broken rings end as well: into nowhere, or into a circle that never comes back.
  ChangeHome(h0_.home, [](sh_home& home) { home.next = SH_HOMES_MAX; });
  EXPECT_EQ(Deliver(h0_, by_mac), Passed(by_mac, h0_.home, SH_IN_PASS));
  SetNicFlags(h0_, SH_NIC_XDP_NATIVE);
  EXPECT_EQ(Deliver(h0_, by_mac), Passed(by_mac, h0_.home, SH_IN_PASS));
  ChangeHome(h0_.home, [&](sh_home& home) { home.next = h1_.home; });
  ChangeHome(h1_.home, [&](sh_home& home) { home.next = h1_.home; });
  EXPECT_EQ(Deliver(h0_, by_mac), Passed(by_mac, h0_.home, SH_IN_PASS));
  const Bytes own = Datagram(kClientMac, Client(Family::kV4), h0_.mac, h0_.v4);
  EXPECT_EQ(Deliver(h0_, own), Passed(own, h0_.home, SH_IN_PASS));
}

TEST_F(DeliverGroupTest, TaggedAndForeignProtocolsPassUntouched) {
  SetPath(h0_, h1_);
  Bytes infiniband = lab::ArpRequest(kClientMac, Client(Family::kV4), h0_.v4);
  infiniband[15] = 32;
  const std::vector<Bytes> frames = {
      BuildFrame({Ethernet{.destination = h1_.mac, .source = kClientMac}, lab::Vlan{.id = 5},
                  IpHeader(Client(Family::kV4), h0_.v4), lab::Udp{}, Payload::Zeros(20)}),
      BuildFrame(
          {Ethernet{.destination = kBroadcastMac, .source = h0_.mac}, lab::Vlan{.id = 5},
           lab::Arp{.sender_mac = kClientMac, .sender = Client(Family::kV4), .target = h0_.v4}}),
      infiniband};
  for (const Bytes& frame : frames) {
    for (const uint32_t flags : {0U, SH_NIC_XDP_NATIVE, SH_NIC_VLAN_CHILDREN}) {
      SetNicFlags(h1_, flags);
      SetNicFlags(h0_, flags);
      EXPECT_EQ(Deliver(h1_, frame), Passed(frame, h1_.home, SH_IN_UNTOUCHED));
    }
  }
}

TEST_F(DeliverGroupTest, ShortHeadersPass) {
  Bytes arp = lab::ArpRequest(kClientMac, Client(Family::kV4), h0_.v4);
  arp.resize(41);
  EXPECT_EQ(Deliver(h1_, arp), Passed(arp, h1_.home, SH_IN_SHORT));
}

}  // namespace
}  // namespace stronghost::packet
