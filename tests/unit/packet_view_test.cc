// What people read of a frame's first bytes.
#include "agent/trace/packet_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/lib/frame_builder.h"

namespace stronghost {
namespace {

using lab::Bytes;
using ::testing::HasSubstr;

const MacAddress kMac = {{0x02, 0x00, 0x5e, 0x10, 0x00, 0x01}};
const MacAddress kPeerMac = {{0x02, 0x00, 0x5e, 0x30, 0x00, 0x01}};

IpAddress Ip(const char* text) {
  return *IpAddress::Parse(text);
}

lab::Ethernet Link() {
  return {.destination = kPeerMac, .source = kMac};
}

Bytes TcpFrame() {
  return lab::BuildFrame(
      {Link(), lab::Ipv4{.source = Ip("198.51.100.1"), .destination = Ip("198.51.100.9")},
       lab::Tcp{.source_port = 443, .destination_port = 51000, .flags = 0x10}});
}

TEST(PacketView, NamesBothEndsOfATcpSegment) {
  const PacketView view = ReadPacket(TcpFrame());
  EXPECT_EQ(view.text, "198.51.100.1:443 > 198.51.100.9:51000 TCP");
  EXPECT_EQ(view.source, Ip("198.51.100.1"));
  EXPECT_EQ(view.destination, Ip("198.51.100.9"));
  EXPECT_EQ(view.protocol, "TCP");
  EXPECT_EQ(view.source_port, 443);
  EXPECT_EQ(view.destination_port, 51000);
  EXPECT_EQ(view.source_mac, kMac);
  EXPECT_EQ(view.destination_mac, kPeerMac);
}

TEST(PacketView, FindsPortsBehindIpOptions) {
  const PacketView view = ReadPacket(lab::BuildFrame(
      {Link(),
       lab::Ipv4{
           .source = Ip("198.51.100.1"), .destination = Ip("198.51.100.9"), .options = Bytes(8, 1)},
       lab::Udp{.source_port = 53, .destination_port = 1024}}));
  EXPECT_EQ(view.text, "198.51.100.1:53 > 198.51.100.9:1024 UDP");
}

TEST(PacketView, PutsIpv6AddressesInBracketsWhereTheyHaveAPort) {
  const PacketView view = ReadPacket(lab::BuildFrame(
      {Link(), lab::Ipv6{.source = Ip("2001:db8::1"), .destination = Ip("2001:db8::9")},
       lab::Udp{.source_port = 53, .destination_port = 1024}}));
  EXPECT_EQ(view.text, "[2001:db8::1]:53 > [2001:db8::9]:1024 UDP");
}

TEST(PacketView, ShowsNoPortsOfALaterFragment) {
  const PacketView view = ReadPacket(lab::BuildFrame({Link(),
                                                      lab::Ipv4{.source = Ip("198.51.100.1"),
                                                                .destination = Ip("198.51.100.9"),
                                                                .fragment_offset = 185,
                                                                .protocol = uint8_t{17}},
                                                      lab::Payload::Text("not a UDP header")}));
  EXPECT_EQ(view.text, "198.51.100.1 > 198.51.100.9 UDP fragment");
  EXPECT_FALSE(view.source_port.has_value());
}

TEST(PacketView, SaysWhoAsksForWhom) {
  PacketView view = ReadPacket(lab::ArpRequest(kPeerMac, Ip("198.51.100.9"), Ip("198.51.100.1")));
  EXPECT_EQ(view.text, "ARP who has 198.51.100.1, tell 198.51.100.9");
  EXPECT_TRUE(view.IsAbout(Ip("198.51.100.1")));
  EXPECT_TRUE(view.IsAbout(Ip("198.51.100.9")));
  EXPECT_FALSE(view.IsAbout(Ip("198.51.100.2")));
  view = ReadPacket(lab::ArpReply(kMac, Ip("198.51.100.1"), kPeerMac, Ip("198.51.100.9")));
  EXPECT_EQ(view.text, "ARP 198.51.100.1 is at 02:00:5e:10:00:01");
  view = ReadPacket(lab::NeighborSolicit(kPeerMac, Ip("2001:db8::9"), Ip("2001:db8::1")));
  EXPECT_EQ(view.text, "ND who has 2001:db8::1, tell 2001:db8::9");
  EXPECT_EQ(view.target, Ip("2001:db8::1"));
  EXPECT_TRUE(view.IsAbout(Ip("2001:db8::1")));
}

TEST(PacketView, SaysWhatAnAdvertisementSays) {
  const std::vector<lab::Layer> layers = {
      lab::Ethernet{.destination = kPeerMac, .source = kPeerMac},
      lab::Ipv6{.source = Ip("2001:db8::1"), .destination = Ip("2001:db8::9")},
      lab::NeighborAdvertisement{.target = Ip("2001:db8::1"), .target_mac = kMac}};
  EXPECT_EQ(ReadPacket(lab::BuildFrame(layers)).text, "ND 2001:db8::1 is at 02:00:5e:10:00:01");
}

TEST(PacketView, ShowsHowASessionBeginsAndWhatIcmpItIs) {
  const lab::Ipv4 ip{.source = Ip("198.51.100.1"), .destination = Ip("198.51.100.9")};
  EXPECT_EQ(ReadPacket(
                lab::BuildFrame(
                    {Link(), ip, lab::Tcp{.source_port = 1, .destination_port = 2, .flags = 0x12}}))
                .text,
            "198.51.100.1:1 > 198.51.100.9:2 TCP SYN");
  EXPECT_EQ(ReadPacket(lab::BuildFrame({Link(), ip, lab::Icmp{.type = 8}})).text,
            "198.51.100.1 > 198.51.100.9 ICMP type 8");
}

TEST(PacketView, GivesTheTypeOfWhatItDoesNotKnow) {
  const PacketView view = ReadPacket(lab::BuildFrame(
      {lab::Ethernet{.destination = kPeerMac, .source = kMac, .type = uint16_t{0x88cc}},
       lab::Payload::Text("LLDP")}));
  EXPECT_EQ(view.protocol, "EtherType 0x88cc");
  EXPECT_EQ(view.text, "02:00:5e:10:00:01 > 02:00:5e:30:00:01 EtherType 0x88cc");
  EXPECT_FALSE(view.source.has_value());
}

TEST(PacketView, ReadsNothingBehindTheEnd) {
  const std::vector<Bytes> frames = {
      TcpFrame(), lab::ArpRequest(kPeerMac, Ip("198.51.100.9"), Ip("198.51.100.1")),
      lab::NeighborSolicit(kPeerMac, Ip("2001:db8::9"), Ip("2001:db8::1")),
      lab::BuildFrame({Link(), lab::Ipv6{.source = Ip("2001:db8::1"), .destination = Ip("::")},
                       lab::Udp{.source_port = 53, .destination_port = 1024}})};
  for (const Bytes& frame : frames) {
    for (size_t length = 0; length < frame.size(); ++length) {
      // A copy of its own size: the sanitizer sees each byte too many.
      const Bytes cut(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(length));
      EXPECT_FALSE(ReadPacket(cut).text.empty()) << length;
    }
  }
  EXPECT_EQ(ReadPacket({}).text, "cut off");
}

// A header length beyond the end (15 words), and one that is shorter than a header can be.
TEST(PacketView, BelievesNoHeaderLength) {
  Bytes frame = TcpFrame();
  frame[14] = 0x4f;
  EXPECT_EQ(ReadPacket(frame).text, "198.51.100.1 > 198.51.100.9 TCP");
  frame[14] = 0x40;
  EXPECT_EQ(ReadPacket(frame).text, "198.51.100.1:443 > 198.51.100.9:51000 TCP");
}

}  // namespace
}  // namespace stronghost
