// The questions for neighbours, against a parser of their own.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <span>

#include "agent/act/announce_frames.h"
#include "tests/lib/checksum.h"
#include "tests/lib/frame.h"

namespace stronghost {
namespace {

constexpr MacAddress kOurs{{0x02, 0, 0, 0, 0, 0x10}};
constexpr MacAddress kGateway{{0x02, 0, 0, 0, 3, 0}};

IpAddress Ip(const char* text) {
  return *IpAddress::Parse(text);
}

TEST(ProbeFramesTest, ArpRequestAsksOneHost) {
  const Frame bytes = ArpRequest(kGateway, Ip("198.51.100.254"), Ip("198.51.100.1"), kOurs);
  const lab::Frame frame = lab::ParseFrame(bytes);
  EXPECT_EQ(bytes.size(), 60U);
  EXPECT_EQ(frame.destination, kGateway);
  EXPECT_EQ(frame.source, kOurs);
  ASSERT_TRUE(frame.arp.has_value());
  EXPECT_EQ(*frame.arp, (lab::ArpView{.operation = 1,
                                      .sender_mac = kOurs,
                                      .sender = Ip("198.51.100.1"),
                                      .target_mac = {},
                                      .target = Ip("198.51.100.254")}));
}

TEST(ProbeFramesTest, SolicitationAsksOneHostOrItsGroup) {
  for (const bool unicast : {true, false}) {
    const IpAddress group = Ip("ff02::1:ff00:fe");
    EXPECT_EQ(SolicitedNode(Ip("2001:db8::fe")), group);
    const MacAddress to = unicast ? kGateway : MulticastMac(group);
    const IpAddress destination = unicast ? Ip("2001:db8::fe") : group;
    const Frame bytes = NeighborSolicitation(to, Ip("2001:db8::fe"), Ip("2001:db8::1"), kOurs);
    const lab::Frame frame = lab::ParseFrame(bytes);
    EXPECT_EQ(frame.destination, to);
    ASSERT_TRUE(frame.ip.has_value() && frame.neighbor.has_value());
    EXPECT_EQ(frame.ip->destination, destination);
    EXPECT_EQ(frame.ip->source, Ip("2001:db8::1"));
    EXPECT_EQ(frame.ip->ttl, 255) << "RFC 4861 section 7.1.1";
    EXPECT_FALSE(frame.neighbor->advertisement);
    EXPECT_EQ(frame.neighbor->target, Ip("2001:db8::fe"));
    EXPECT_EQ(frame.neighbor->link_layer, kOurs);
    EXPECT_EQ(lab::TransportChecksum(Ip("2001:db8::1"), destination, IPPROTO_ICMPV6,
                                     std::span(bytes).subspan(54, 32)),
              0);
  }
}

}  // namespace
}  // namespace stronghost
