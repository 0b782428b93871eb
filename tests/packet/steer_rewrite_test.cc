// steer: what ARP and neighbour discovery say about MACs when they leave by another NIC.
#include "tests/lib/byte_writer.h"
#include "tests/packet/program_fixture.h"
#include "tests/packet/test_frames.h"

namespace stronghost::packet {
namespace {

using lab::BuildFrame;
using lab::Ethernet;
using lab::Icmp6;
using lab::Ipv6;
using lab::kBroadcastMac;
using lab::MulticastMac;
using lab::Payload;

constexpr uint8_t kSourceOption = 1;
constexpr uint8_t kTargetOption = 2;
constexpr uint8_t kNonceOption = 14;

// One ND option; the length is counted unless given.
Bytes Option(uint8_t type, const Bytes& content, std::optional<uint8_t> length = std::nullopt) {
  Bytes option = {type, length.value_or(static_cast<uint8_t>((content.size() + 2) / 8))};
  lab::Put(option, content);
  return option;
}

Bytes MacOption(uint8_t type, const MacAddress& mac) {
  return Option(type, Bytes(mac.bytes.begin(), mac.bytes.end()));
}

class RewriteTest : public ProgramFixture {
 protected:
  // A solicitation (or another ICMPv6 type) from `source` with these options.
  static Bytes Solicit(const MacAddress& mac, const IpAddress& source,
                       const std::vector<Bytes>& options, uint8_t type = 135) {
    const IpAddress group = lab::SolicitedNode(Client(Family::kV6));
    Bytes body;
    lab::Put(body, Client(Family::kV6));
    for (const Bytes& option : options) {
      lab::Put(body, option);
    }
    return BuildFrame({Ethernet{.destination = MulticastMac(group), .source = mac},
                       Ipv6{.source = source, .destination = group, .hop_limit = 255},
                       Icmp6{.type = type}, Payload{body}});
  }
  // Steers h1's solicitation off h0 and expects `expected` options in it afterwards.
  void ExpectOptions(const std::vector<Bytes>& options, const std::vector<Bytes>& expected) {
    const Outcome outcome = Steer(h0_, Solicit(h0_.mac, h1_.v6, options));
    EXPECT_EQ(outcome, Redirected(Solicit(h1_.mac, h1_.v6, expected), h0_.home, SH_OUT_STEER,
                                  Mark{kMarkOut, h1_.home, 1}));
    EXPECT_TRUE(HasRightIcmp6Checksum(outcome.frame));
  }
  [[nodiscard]] Outcome StoodIn(const Bytes& frame) const {
    return Redirected(frame, h0_.home, SH_OUT_STAND_IN, Mark{kMarkOut, h0_.home, 1});
  }
};

TEST_F(RewriteTest, ArpRequestUnderAForeignAddressResolvesOnTheNicThatAsks) {
  const Bytes request = lab::ArpRequest(h0_.mac, h1_.v4, Client(Family::kV4));
  const Bytes anonymous = lab::ArpRequest(h0_.mac, Ip("0.0.0.0"), Client(Family::kV4));
  EXPECT_EQ(Steer(h0_, request), Passed(anonymous, h0_.home, SH_OUT_PASS));
  // A unicast request, as sent to confirm a neighbour, likewise.
  EXPECT_EQ(Steer(h0_, WithDestination(request, kClientMac)),
            Passed(WithDestination(anonymous, kClientMac), h0_.home, SH_OUT_PASS));
  // And an address of another group.
  EXPECT_EQ(Steer(h0_, lab::ArpRequest(h0_.mac, b0_.v4, Client(Family::kV4))),
            Passed(anonymous, h0_.home, SH_OUT_PASS));
}

TEST_F(RewriteTest, ArpRequestUnderAForeignAddressLeavesByTheStandInOfItsNic) {
  SetPath(h0_, h2_);
  const Bytes request = lab::ArpRequest(h0_.mac, h1_.v4, Client(Family::kV4));
  EXPECT_EQ(Steer(h0_, request),
            StoodIn(lab::ArpRequest(h0_.mac, Ip("0.0.0.0"), Client(Family::kV4))));
  AddFlags(h0_, SH_HOME_STAY);
  EXPECT_EQ(Steer(h0_, request),
            StoodIn(lab::ArpRequest(h2_.mac, Ip("0.0.0.0"), Client(Family::kV4))));
}

TEST_F(RewriteTest, ArpRequestOnANicOfNoGroupIsLeftAlone) {
  const Bytes request = lab::ArpRequest(u0_.mac, h1_.v4, Client(Family::kV4));
  EXPECT_EQ(Steer(u0_, request), Passed(request, SH_HOME_NONE, SH_NOT_MANAGED));
}

TEST_F(RewriteTest, ArpOfTheNicsOwnAddressPassesAsItIs) {
  for (const Bytes& frame :
       {lab::ArpRequest(h0_.mac, h0_.v4, Client(Family::kV4)), lab::GratuitousArp(h0_.mac, h0_.v4),
        lab::ArpRequest(h0_.mac, Ip("0.0.0.0"), h0_.v4),
        lab::ArpReply(h0_.mac, h0_.v4, kClientMac, Client(Family::kV4))}) {
    SetPath(h0_, h0_);
    EXPECT_EQ(Steer(h0_, frame), Passed(frame, h0_.home, SH_OUT_PASS));
    SetPath(h0_, h1_);
    EXPECT_EQ(Steer(h0_, frame), StoodIn(frame));
  }
}

TEST_F(RewriteTest, ArpThatStaysNamesTheWiresMac) {
  SetPath(h0_, h1_);
  AddFlags(h0_, SH_HOME_STAY);
  EXPECT_EQ(Steer(h0_, lab::ArpRequest(h0_.mac, h0_.v4, Client(Family::kV4))),
            StoodIn(lab::ArpRequest(h1_.mac, h0_.v4, Client(Family::kV4))));
  EXPECT_EQ(Steer(h0_, lab::GratuitousArp(h0_.mac, h0_.v4)),
            StoodIn(lab::GratuitousArp(h1_.mac, h0_.v4)));
  EXPECT_EQ(Steer(h0_, lab::ArpReply(h0_.mac, h0_.v4, kClientMac, Client(Family::kV4))),
            StoodIn(lab::ArpReply(h1_.mac, h0_.v4, kClientMac, Client(Family::kV4))));
}

TEST_F(RewriteTest, AnnouncementOfAnotherHomeIsSteeredAndNamesThatHome) {
  const Mark mark{kMarkOut, h1_.home, 1};
  EXPECT_EQ(Steer(h0_, lab::GratuitousArp(h0_.mac, h1_.v4)),
            Redirected(lab::GratuitousArp(h1_.mac, h1_.v4), h0_.home, SH_OUT_STEER, mark));
  EXPECT_EQ(Steer(h0_, lab::ArpReply(h0_.mac, h1_.v4, kClientMac, Client(Family::kV4))),
            Redirected(lab::ArpReply(h1_.mac, h1_.v4, kClientMac, Client(Family::kV4)), h0_.home,
                       SH_OUT_STEER, mark));
  // Into another group as well: the neighbours there are meant.
  EXPECT_EQ(Steer(h0_, lab::GratuitousArp(h0_.mac, b0_.v4)),
            Redirected(lab::GratuitousArp(b0_.mac, b0_.v4), h0_.home, SH_OUT_STEER,
                       Mark{kMarkOut, b0_.home, 1}));
}

TEST_F(RewriteTest, ArpAddressesBelongToNoPrefix) {
  ChangeHome(SH_HOME_NONE, [](sh_home& globals) { globals.flags = SH_GLOBAL_PREFIXES; });
  ASSERT_TRUE(programs().SetPrefix(*IpPrefix::Parse("192.0.2.0/24"), h1_.home).ok());
  const Bytes frame = lab::GratuitousArp(h0_.mac, Ip("192.0.2.7"));
  EXPECT_EQ(Steer(h0_, frame), Passed(frame, h0_.home, SH_OUT_PASS));
}

TEST_F(RewriteTest, MacsOfChildrenInArpAreKept) {
  const Mark mark{kMarkOut, h1_.home, 1};
  const Bytes of_child = lab::GratuitousArp(kChildMac, h1_.v4);
  EXPECT_EQ(Steer(h0_, of_child), Redirected(of_child, h0_.home, SH_OUT_STEER, mark));
  // Our Ethernet source, but somebody else's hardware address: proxy ARP.
  const Bytes proxied = WithSource(of_child, h0_.mac);
  EXPECT_EQ(Steer(h0_, proxied),
            Redirected(WithSource(of_child, h1_.mac), h0_.home, SH_OUT_STEER, mark));
}

TEST_F(RewriteTest, SecondMeetingRewritesArpFromWireToWire) {
  SetPath(h0_, h2_);
  AddFlags(h0_, SH_HOME_STAY);
  EXPECT_EQ(
      Run(Program::kSteer, h1_, lab::GratuitousArp(h1_.mac, h0_.v4), Mark{kMarkOut, h0_.home, 1}),
      Redirected(lab::GratuitousArp(h2_.mac, h0_.v4), h1_.home, SH_OUT_CARRIED,
                 Mark{kMarkOut, h0_.home, 2}));
}

TEST_F(RewriteTest, SolicitationNamesTheMacThatItIsSentFrom) {
  ExpectOptions({MacOption(kSourceOption, h0_.mac)}, {MacOption(kSourceOption, h1_.mac)});
  ExpectOptions({MacOption(kSourceOption, h1_.mac)}, {MacOption(kSourceOption, h1_.mac)});
  ExpectOptions({}, {});
}

TEST_F(RewriteTest, AdvertisementNamesTheMacThatItIsSentFrom) {
  const Outcome announced = Steer(h0_, Announcement(h0_.mac, h1_.v6));
  EXPECT_EQ(announced, Redirected(Announcement(h1_.mac, h1_.v6), h0_.home, SH_OUT_STEER,
                                  Mark{kMarkOut, h1_.home, 1}));
  EXPECT_TRUE(HasRightIcmp6Checksum(announced.frame));

  SetPath(h0_, h1_);
  AddFlags(h0_, SH_HOME_STAY);
  const Outcome answered =
      Steer(h0_, AddressReply(h0_.mac, h0_.v6, kClientMac, Client(Family::kV6)));
  EXPECT_EQ(answered, StoodIn(AddressReply(h1_.mac, h0_.v6, kClientMac, Client(Family::kV6))));
  EXPECT_TRUE(HasRightIcmp6Checksum(answered.frame));
}

TEST_F(RewriteTest, LinkLocalSolicitationOfAHomeThatStays) {
  SetPath(h0_, h1_);
  AddFlags(h0_, SH_HOME_STAY);
  const Outcome outcome =
      Steer(h0_, lab::NeighborSolicit(h0_.mac, h0_.link_local, ClientLinkLocal()));
  EXPECT_EQ(outcome, StoodIn(lab::NeighborSolicit(h1_.mac, h0_.link_local, ClientLinkLocal())));
  EXPECT_TRUE(HasRightIcmp6Checksum(outcome.frame));
}

TEST_F(RewriteTest, FindsTheMacAmongOtherOptions) {
  const Bytes nonce = Option(kNonceOption, {1, 2, 3, 4, 5, 6});
  const Bytes long_option = Option(kNonceOption, Bytes(22, 9));
  const Bytes ours = MacOption(kSourceOption, h0_.mac);
  const Bytes right = MacOption(kSourceOption, h1_.mac);
  ExpectOptions({nonce, ours}, {nonce, right});
  ExpectOptions({long_option, ours, nonce}, {long_option, right, nonce});
  ExpectOptions({ours, MacOption(kTargetOption, h0_.mac)},
                {right, MacOption(kTargetOption, h1_.mac)});
  ExpectOptions({nonce, nonce, nonce, ours}, {nonce, nonce, nonce, right});
}

TEST_F(RewriteTest, OptionsThatDoNotNameOurMacAreKept) {
  const Bytes ours = MacOption(kSourceOption, h0_.mac);
  const Bytes content = Bytes(h0_.mac.bytes.begin(), h0_.mac.bytes.end());
  const Bytes nonce = Option(kNonceOption, content);
  const Bytes of_child = MacOption(kSourceOption, kChildMac);
  Bytes longer = content;
  longer.resize(14);
  const Bytes eui64 = Option(kSourceOption, longer);
  ExpectOptions({nonce, of_child, eui64}, {nonce, of_child, eui64});
  // Looked at are four options.
  ExpectOptions({nonce, nonce, nonce, nonce, ours}, {nonce, nonce, nonce, nonce, ours});
  // Length 0 is no option (RFC 4861 section 4.6), nor is one that is cut off.
  const Bytes endless = Option(kNonceOption, content, 0);
  ExpectOptions({endless, ours}, {endless, ours});
  const Bytes cut(ours.begin(), ours.begin() + 7);
  ExpectOptions({cut}, {cut});
}

TEST_F(RewriteTest, OtherIcmp6IsRewrittenInTheEthernetHeaderOnly) {
  const Bytes echo = Solicit(h0_.mac, h1_.v6, {MacOption(kSourceOption, h0_.mac)}, 128);
  // The group is link-scoped: without ND it belongs to its NIC, so ask for a unicast one.
  Bytes unicast = echo;
  const IpAddress client = Client(Family::kV6);
  std::copy(client.data(), client.data() + 16, unicast.begin() + 38);
  unicast = WithDestination(unicast, kClientMac);
  EXPECT_EQ(Steer(h0_, unicast), Redirected(WithSource(unicast, h1_.mac), h0_.home, SH_OUT_STEER,
                                            Mark{kMarkOut, h1_.home, 1}));
}

TEST_F(RewriteTest, NeighborDiscoveryBehindAnExtensionHeaderIsAPlainPacket) {
  const Bytes frame =
      BuildFrame({Ethernet{.destination = kClientMac, .source = h0_.mac},
                  Ipv6{.source = h1_.v6, .destination = Client(Family::kV6), .hop_limit = 255},
                  lab::DestinationOptions{},
                  lab::NeighborSolicitation{.target = Client(Family::kV6), .source_mac = h0_.mac}});
  EXPECT_EQ(Steer(h0_, frame), Redirected(WithSource(frame, h1_.mac), h0_.home, SH_OUT_STEER,
                                          Mark{kMarkOut, h1_.home, 1}));
}

// Routers take a host's MAC from its solicitations too (RFC 4861 section 6.2.6), and hosts a
// router's from its advertisements: a home that stays must not name a MAC that nobody carries.
TEST_F(RewriteTest, RouterDiscoveryOfAHomeThatStaysNamesTheWiresMac) {
  SetPath(h0_, h1_);
  AddFlags(h0_, SH_HOME_STAY);
  const auto to_group = [&](const MacAddress& mac, const IpAddress& group, const lab::Layer& nd) {
    return BuildFrame({Ethernet{.destination = MulticastMac(group), .source = mac},
                       Ipv6{.source = h0_.link_local, .destination = group, .hop_limit = 255}, nd});
  };
  const auto solicitation = [&](const MacAddress& mac) {
    return to_group(mac, Ip("ff02::2"), lab::RouterSolicitation{.source_mac = mac});
  };
  const auto advertisement = [&](const MacAddress& mac) {
    return to_group(mac, Ip("ff02::1"), lab::RouterAdvertisement{.source_mac = mac});
  };
  EXPECT_EQ(Steer(h0_, solicitation(h0_.mac)), StoodIn(solicitation(h1_.mac)));
  EXPECT_EQ(Steer(h0_, advertisement(h0_.mac)), StoodIn(advertisement(h1_.mac)));
}

}  // namespace
}  // namespace stronghost::packet
