// steer: which NIC a frame leaves by, and with which verdict.
#include <netinet/in.h>

#include "tests/lib/byte_writer.h"
#include "tests/packet/program_fixture.h"
#include "tests/packet/test_frames.h"

namespace stronghost::packet {
namespace {

using lab::BuildFrame;
using lab::DestinationOptions;
using lab::Ethernet;
using lab::FragmentHeader;
using lab::HopByHop;
using lab::Icmp6;
using lab::Ipv4;
using lab::Ipv6;
using lab::kBroadcastMac;
using lab::MulticastMac;
using lab::Payload;
using lab::Udp;

class SteerTest : public ProgramFixture {
 protected:
  // A datagram of a managed source that routing, or SO_BINDTODEVICE, put on `nic`.
  static Bytes FrameOn(const Nic& nic, const IpAddress& source) {
    return Datagram(nic.mac, source, kClientMac,
                    source.IsV4() ? Client(Family::kV4) : Client(Family::kV6));
  }
  static Bytes To(const Nic& nic, const IpAddress& source, const IpAddress& group) {
    return Datagram(nic.mac, source, MulticastMac(group), group);
  }
  Outcome Remeet(const Nic& nic, const Bytes& frame, uint32_t home, uint32_t hops) {
    return Run(Program::kSteer, nic, frame, Mark{kMarkOut, home, hops});
  }
};

class SteerBothTest : public SteerTest, public testing::WithParamInterface<Family> {
 protected:
  [[nodiscard]] Bytes FrameFrom(const Nic& owner, const Nic& nic) const {
    return FrameOn(nic, owner.Address(GetParam()));
  }
  [[nodiscard]] const IpAddress& OwnAddress(const Nic& nic) const {
    return nic.Address(GetParam());
  }
};
INSTANTIATE_TEST_SUITE_P(, SteerBothTest, testing::Values(Family::kV4, Family::kV6), FamilyName);

TEST_P(SteerBothTest, PassesWhatLeavesByItsOwnWire) {
  for (const Nic* nic : {&h0_, &h1_, &b0_}) {
    const Bytes frame = FrameFrom(*nic, *nic);
    EXPECT_EQ(Steer(*nic, frame), Passed(frame, nic->home, SH_OUT_PASS));
  }
}

TEST_P(SteerBothTest, SendsASourceOfAnotherHomeOutOfThatHome) {
  const Bytes frame = FrameFrom(h1_, h0_);
  EXPECT_EQ(Steer(h0_, frame), Redirected(WithSource(frame, h1_.mac), h0_.home, SH_OUT_STEER,
                                          Mark{kMarkOut, h1_.home, 1}));
}

TEST_P(SteerBothTest, StandInThatFollowsLeavesTheFrameAlone) {
  SetPath(h0_, h1_);
  const Bytes frame = FrameFrom(h0_, h0_);
  EXPECT_EQ(Steer(h0_, frame),
            Redirected(frame, h0_.home, SH_OUT_STAND_IN, Mark{kMarkOut, h0_.home, 1}));
}

TEST_P(SteerBothTest, StandInThatStaysBearsTheWiresMac) {
  SetPath(h0_, h1_);
  AddFlags(h0_, SH_HOME_STAY);
  const Bytes frame = FrameFrom(h0_, h0_);
  EXPECT_EQ(Steer(h0_, frame), Redirected(WithSource(frame, h1_.mac), h0_.home, SH_OUT_STAND_IN,
                                          Mark{kMarkOut, h0_.home, 1}));
}

TEST_P(SteerBothTest, SteersToTheStandInOfTheSourcesHome) {
  SetPath(h1_, h2_);
  const Bytes frame = FrameFrom(h1_, h0_);
  const Mark mark{kMarkOut, h1_.home, 1};
  EXPECT_EQ(Steer(h0_, frame),
            Redirected(WithSource(frame, h1_.mac), h0_.home, SH_OUT_STEER, mark));
  AddFlags(h1_, SH_HOME_STAY);
  EXPECT_EQ(Steer(h0_, frame),
            Redirected(WithSource(frame, h2_.mac), h0_.home, SH_OUT_STEER, mark));
}

TEST_P(SteerBothTest, StayKeepsTheHomesMacOnAWireThatIsNoLongerAMember) {
  SetPath(h1_, u0_);
  AddFlags(h1_, SH_HOME_STAY);
  const Bytes frame = FrameFrom(h1_, h0_);
  EXPECT_EQ(Steer(h0_, frame), Redirected(WithSource(frame, h1_.mac), h0_.home, SH_OUT_STEER,
                                          Mark{kMarkOut, h1_.home, 1}));
}

TEST_P(SteerBothTest, PassesAnotherHomesFrameOnTheNicThatStandsInForIt) {
  SetPath(h1_, h0_);
  const Bytes frame = FrameFrom(h1_, h0_);
  EXPECT_EQ(Steer(h0_, frame), Passed(frame, h0_.home, SH_OUT_PASS));
}

TEST_P(SteerBothTest, UnownedSourceBelongsToTheNicThatItIsOn) {
  const Bytes frame =
      FrameOn(h0_, GetParam() == Family::kV4 ? Ip("192.0.2.9") : Ip("2001:db8:9::9"));
  EXPECT_EQ(Steer(h0_, frame), Passed(frame, h0_.home, SH_OUT_PASS));
  SetPath(h0_, h1_);
  EXPECT_EQ(Steer(h0_, frame),
            Redirected(frame, h0_.home, SH_OUT_STAND_IN, Mark{kMarkOut, h0_.home, 1}));
}

TEST_P(SteerBothTest, KeepsTheMacOfMacvlanChildren) {
  const Bytes frame = Datagram(kChildMac, OwnAddress(h1_), kClientMac, Client(GetParam()));
  EXPECT_EQ(Steer(h0_, frame),
            Redirected(frame, h0_.home, SH_OUT_STEER, Mark{kMarkOut, h1_.home, 1}));
  AddFlags(h1_, SH_HOME_STAY);
  SetPath(h1_, h2_);
  EXPECT_EQ(Steer(h0_, frame),
            Redirected(frame, h0_.home, SH_OUT_STEER, Mark{kMarkOut, h1_.home, 1}));
}

TEST_P(SteerBothTest, AsksTheGatewayOfAnotherGroupAnew) {
  const Bytes frame = FrameFrom(b0_, h0_);
  EXPECT_EQ(Steer(h0_, frame), Redirected(frame, h0_.home, SH_OUT_OTHER_GROUP, {}));
}

TEST_P(SteerBothTest, SendsMulticastOfAnotherGroupStraightToItsSegment) {
  const IpAddress group = GetParam() == Family::kV4 ? Ip("239.1.1.1") : Ip("ff05::1:3");
  const Bytes frame = To(h0_, b0_.Address(GetParam()), group);
  EXPECT_EQ(Steer(h0_, frame), Redirected(WithSource(frame, b0_.mac), h0_.home, SH_OUT_STEER,
                                          Mark{kMarkOut, b0_.home, 1}));
}

TEST_P(SteerBothTest, LeavesNicsOfNoGroupAlone) {
  for (const Nic* owner : {&u0_, &h1_}) {
    const Bytes frame = FrameFrom(*owner, u0_);
    EXPECT_EQ(Steer(u0_, frame), Passed(frame, SH_HOME_NONE, SH_NOT_MANAGED));
  }
}

TEST_P(SteerBothTest, PassesSourcesWhoseHomeIsGone) {
  SetAddress(OwnAddress(h1_), 0, 77);            // an empty slot
  SetAddress(OwnAddress(h2_), 0, SH_HOMES_MAX);  // no slot at all
  for (const Nic* owner : {&h1_, &h2_}) {
    const Bytes frame = FrameFrom(*owner, h0_);
    EXPECT_EQ(Steer(h0_, frame), Passed(frame, SH_HOME_NONE, SH_NOT_MANAGED));
  }
}

TEST_P(SteerBothTest, PassesWhenTheHomeHasNoWire) {
  ChangeHome(h0_.home, [](sh_home& home) { home.path = {}; });
  const Bytes frame = FrameFrom(h0_, h0_);
  EXPECT_EQ(Steer(h0_, frame), Passed(frame, h0_.home, SH_OUT_PASS));
}

TEST_P(SteerBothTest, PrefixesOwnSourcesThatNoAddressOwns) {
  const bool v4 = GetParam() == Family::kV4;
  const Bytes in_both = FrameOn(h0_, v4 ? Ip("203.0.113.65") : Ip("2001:db8:c:1::5"));
  const Bytes in_wide = FrameOn(h0_, v4 ? Ip("203.0.113.5") : Ip("2001:db8:c:2::5"));
  const auto wide = *IpPrefix::Parse(v4 ? "203.0.113.0/24" : "2001:db8:c::/48");
  const auto narrow = *IpPrefix::Parse(v4 ? "203.0.113.64/26" : "2001:db8:c:1::/64");
  ASSERT_TRUE(programs().SetPrefix(wide, h1_.home).ok());
  ASSERT_TRUE(programs().SetPrefix(narrow, h2_.home).ok());
  // Not asked before slot 0 says that it is worth it.
  EXPECT_EQ(Steer(h0_, in_both), Passed(in_both, h0_.home, SH_OUT_PASS));
  ChangeHome(SH_HOME_NONE, [](sh_home& globals) { globals.flags = SH_GLOBAL_PREFIXES; });
  EXPECT_EQ(Steer(h0_, in_both), Redirected(WithSource(in_both, h2_.mac), h0_.home, SH_OUT_STEER,
                                            Mark{kMarkOut, h2_.home, 1}));
  EXPECT_EQ(Steer(h0_, in_wide), Redirected(WithSource(in_wide, h1_.mac), h0_.home, SH_OUT_STEER,
                                            Mark{kMarkOut, h1_.home, 1}));
  // The address itself comes before any prefix.
  ASSERT_TRUE(programs().SetPrefix({OwnAddress(h0_), OwnAddress(h0_).max_length()}, h2_.home).ok());
  const Bytes own = FrameFrom(h0_, h0_);
  EXPECT_EQ(Steer(h0_, own), Passed(own, h0_.home, SH_OUT_PASS));
}

TEST_P(SteerBothTest, SecondMeetingPassesOnTheWire) {
  const Bytes frame = WithSource(FrameFrom(h0_, h0_), h0_.mac);
  SetPath(h0_, h1_);
  for (uint32_t hops = 1; hops <= kMarkHopsMax + 1; ++hops) {
    EXPECT_EQ(Remeet(h1_, frame, h0_.home, hops), Passed(frame, h1_.home, SH_OUT_CARRIED));
  }
}

TEST_P(SteerBothTest, SecondMeetingFollowsAWireThatChangedMeanwhile) {
  SetPath(h0_, h2_);
  const Bytes frame = FrameFrom(h0_, h0_);
  EXPECT_EQ(Remeet(h1_, frame, h0_.home, 1),
            Redirected(frame, h1_.home, SH_OUT_CARRIED, Mark{kMarkOut, h0_.home, 2}));
  AddFlags(h0_, SH_HOME_STAY);
  const Bytes of_old_wire = WithSource(frame, h1_.mac);
  EXPECT_EQ(Remeet(h1_, of_old_wire, h0_.home, 2),
            Redirected(WithSource(frame, h2_.mac), h1_.home, SH_OUT_CARRIED,
                       Mark{kMarkOut, h0_.home, 3}));
}

TEST_P(SteerBothTest, SecondMeetingEndsALoop) {
  SetPath(h0_, h2_);
  const Bytes frame = FrameFrom(h0_, h0_);
  for (const uint32_t hops : {kMarkHopsMax, kMarkHopsMax + 1, UINT32_MAX}) {
    EXPECT_EQ(Remeet(h1_, frame, h0_.home, hops), Passed(frame, h1_.home, SH_OUT_CARRIED));
  }
}

TEST_P(SteerBothTest, SecondMeetingOfAHomeThatIsGonePasses) {
  const Bytes frame = FrameFrom(h0_, h0_);
  EXPECT_EQ(Remeet(h1_, frame, 77, 1), Passed(frame, h1_.home, SH_OUT_CARRIED));
  EXPECT_EQ(Remeet(h1_, frame, SH_HOMES_MAX, 1), Passed(frame, h1_.home, SH_NOT_MANAGED));
}

TEST_P(SteerBothTest, SecondMeetingOnANicOfNoGroup) {
  const Bytes frame = FrameFrom(h0_, h0_);
  EXPECT_EQ(Remeet(u0_, frame, h0_.home, 1),
            Redirected(frame, SH_HOME_NONE, SH_OUT_CARRIED, Mark{kMarkOut, h0_.home, 2}));
  SetPath(h0_, u0_);
  EXPECT_EQ(Remeet(u0_, frame, h0_.home, 1), Passed(frame, SH_HOME_NONE, SH_OUT_CARRIED));
}

TEST_P(SteerBothTest, AMarkOfTheWayInIsNoMarkOfTheWayOut) {
  const Bytes frame = FrameFrom(h1_, h0_);
  const Outcome outcome = Run(Program::kSteer, h0_, frame, Mark{kMarkIn, h0_.home, 0});
  EXPECT_EQ(outcome, Redirected(WithSource(frame, h1_.mac), h0_.home, SH_OUT_STEER,
                                Mark{kMarkOut, h1_.home, 1}));
}

TEST_F(SteerTest, FailedRewriteDropsTheFrame) {
  // Only a frame that is marked already can be an ARP packet too short to be rewritten.
  Bytes frame = Announcement(h1_.mac, h0_.v4);
  frame.resize(24);
  SetPath(h0_, h2_);
  AddFlags(h0_, SH_HOME_STAY);
  Outcome outcome = Remeet(h1_, frame, h0_.home, 1);
  outcome.frame = frame;  // the Ethernet header may have been changed before
  EXPECT_EQ(outcome, Dropped(frame, h1_.home, SH_OUT_ERROR));
}

TEST_F(SteerTest, LinkScopedTrafficBelongsToTheNicThatItIsOn) {
  const IpAddress other4 = h1_.v4;
  const IpAddress other6 = h1_.v6;
  const IpAddress igmp_v3 = Ip("224.0.0.22");
  const IpAddress site = Ip("239.1.1.1");
  const auto igmp = [&](const IpAddress& group) {
    return BuildFrame(
        {Ethernet{.destination = MulticastMac(group), .source = h0_.mac},
         Ipv4{.source = other4, .destination = group, .ttl = 1, .protocol = IPPROTO_IGMP},
         Payload::Zeros(16)});
  };
  const std::vector<std::pair<const char*, Bytes>> frames = {
      {"IGMPv3 report", igmp(igmp_v3)},
      {"IGMPv2 report of a routed group", igmp(site)},
      {"mDNS", To(h0_, other4, Ip("224.0.0.251"))},
      {"DHCP discover", Datagram(h0_.mac, Ip("0.0.0.0"), kBroadcastMac, Ip("255.255.255.255"))},
      {"limited broadcast", Datagram(h0_.mac, other4, kBroadcastMac, Ip("255.255.255.255"))},
      {"mDNS over IPv6", To(h0_, other6, Ip("ff02::fb"))},
      {"interface-local", To(h0_, other6, Ip("ff01::1"))},
      {"transient link-local group", To(h0_, other6, Ip("ff12::1234"))},
      {"MLDv2 report",
       BuildFrame({Ethernet{.destination = MulticastMac(Ip("ff02::16")), .source = h0_.mac},
                   Ipv6{.source = h0_.link_local, .destination = Ip("ff02::16"), .hop_limit = 1},
                   HopByHop{.options = {5, 2, 0, 0}}, Icmp6{.type = 143}, Payload::Zeros(20)})},
      {"router solicitation",
       BuildFrame({Ethernet{.destination = MulticastMac(Ip("ff02::2")), .source = h0_.mac},
                   Ipv6{.source = Ip("::"), .destination = Ip("ff02::2"), .hop_limit = 255},
                   lab::RouterSolicitation{}})},
  };
  for (const auto& [name, frame] : frames) {
    SCOPED_TRACE(name);
    SetPath(h0_, h0_);
    EXPECT_EQ(Steer(h0_, frame), Passed(frame, h0_.home, SH_OUT_PASS));
    SetPath(h0_, h1_);
    EXPECT_EQ(Steer(h0_, frame),
              Redirected(frame, h0_.home, SH_OUT_STAND_IN, Mark{kMarkOut, h0_.home, 1}));
  }
}

TEST_F(SteerTest, OtherMulticastAndBroadcastBelongsToItsSource) {
  const std::vector<Bytes> frames = {
      To(h0_, h1_.v4, Ip("239.1.1.1")), To(h0_, h1_.v4, Ip("224.0.1.1")),
      To(h0_, h1_.v6, Ip("ff05::1:3")), To(h0_, h1_.v6, Ip("ff13::1")),
      Datagram(h0_.mac, h1_.v4, kBroadcastMac, Ip("198.51.100.255"))};
  for (const Bytes& frame : frames) {
    EXPECT_EQ(Steer(h0_, frame), Redirected(WithSource(frame, h1_.mac), h0_.home, SH_OUT_STEER,
                                            Mark{kMarkOut, h1_.home, 1}));
  }
}

TEST_F(SteerTest, RepeatedLinkLocalAddressStaysOnEachNic) {
  for (const Nic* nic : {&h0_, &h1_, &h2_}) {
    const Bytes frame = Datagram(nic->mac, nic->link_local, kClientMac, ClientLinkLocal());
    EXPECT_EQ(Steer(*nic, frame), Passed(frame, nic->home, SH_OUT_PASS));
  }
  SetPath(h1_, h2_);
  const Bytes frame = Datagram(h1_.mac, h1_.link_local, kClientMac, ClientLinkLocal());
  EXPECT_EQ(Steer(h1_, frame),
            Redirected(frame, h1_.home, SH_OUT_STAND_IN, Mark{kMarkOut, h1_.home, 1}));
  // Another NIC's link-local address means nothing here.
  const Bytes foreign = Datagram(h0_.mac, b0_.link_local, kClientMac, ClientLinkLocal());
  EXPECT_EQ(Steer(h0_, foreign), Passed(foreign, h0_.home, SH_OUT_PASS));
}

TEST_F(SteerTest, TaggedAndForeignProtocolsPassUntouched) {
  SetPath(h0_, h1_);
  Bytes long_addresses = Announcement(h0_.mac, h0_.v4);
  long_addresses[18] = 8;  // hardware address length
  Bytes infiniband = Announcement(h0_.mac, h0_.v4);
  infiniband[15] = 32;
  const std::vector<Bytes> frames = {
      BuildFrame({Ethernet{.destination = kClientMac, .source = h0_.mac}, lab::Vlan{.id = 5},
                  IpHeader(h1_.v4, Client(Family::kV4)), Udp{}, Payload::Zeros(20)}),
      BuildFrame({Ethernet{.destination = kClientMac, .source = h0_.mac},
                  lab::Vlan{.id = 5, .tpid = 0x88a8}, lab::Vlan{.id = 6},
                  IpHeader(h1_.v6, Client(Family::kV6)), Udp{}, Payload::Zeros(20)}),
      BuildFrame({Ethernet{{{0x01, 0x80, 0xc2, 0, 0, 0x0e}}, h0_.mac, 0x88cc}, Payload::Zeros(50)}),
      BuildFrame({Ethernet{{{0x01, 0x80, 0xc2, 0, 0, 0}}, h0_.mac, 38}, Payload::Zeros(38)}),
      long_addresses,
      infiniband};
  for (const Bytes& frame : frames) {
    EXPECT_EQ(Steer(h0_, frame), Passed(frame, h0_.home, SH_OUT_UNTOUCHED));
    EXPECT_EQ(Steer(u0_, frame), Passed(frame, SH_HOME_NONE, SH_OUT_UNTOUCHED));
  }
}

TEST_F(SteerTest, OptionsFragmentsAndExtensionHeadersSteerLikePlainPackets) {
  const Ethernet eth{.destination = kClientMac, .source = h0_.mac};
  const Ipv4 v4{.source = h1_.v4, .destination = Client(Family::kV4)};
  const Ipv6 v6{.source = h1_.v6, .destination = Client(Family::kV6)};
  const Udp udp{.source_port = 4000, .destination_port = 53};
  Ipv4 with_options = v4;
  with_options.options = {0x94, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0};  // router alert, record route
  const Bytes large4 = BuildFrame({eth, v4, udp, Payload::Zeros(900)});
  const Bytes large6 = BuildFrame({eth, v6, udp, Payload::Zeros(900)});
  std::vector<Bytes> frames = {
      BuildFrame({eth, with_options, udp, Payload::Zeros(8)}),
      BuildFrame({eth, v6, HopByHop{}, DestinationOptions{}, udp, Payload::Zeros(8)}),
      BuildFrame({eth, v6, FragmentHeader{.more = true}, udp, Payload::Zeros(8)}),
  };
  for (const Bytes& frame : lab::FragmentFrame(large4, 400, 7)) {
    frames.push_back(frame);
  }
  for (const Bytes& frame : lab::FragmentFrame(large6, 400, 7)) {
    frames.push_back(frame);
  }
  ASSERT_EQ(frames.size(), 9U);
  for (const Bytes& frame : frames) {
    EXPECT_EQ(Steer(h0_, frame), Redirected(WithSource(frame, h1_.mac), h0_.home, SH_OUT_STEER,
                                            Mark{kMarkOut, h1_.home, 1}));
  }
}

}  // namespace
}  // namespace stronghost::packet
