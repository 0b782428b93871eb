// The lab library's pure parts: frames built, taken apart and split, streams summed up, names. Each
// is judged by computations of its own, not by the library's.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lib/checksum.h"
#include "tests/lib/frame.h"
#include "tests/lib/frame_builder.h"
#include "tests/lib/lab_plan.h"
#include "tests/lib/scratch.h"
#include "tests/lib/stream_result.h"

namespace stronghost::lab {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

const MacAddress kMacA = {{0x02, 0, 0, 0, 0, 0x0a}};
const MacAddress kMacB = {{0x02, 0, 0, 0, 0, 0x0b}};
const IpAddress kV4A = IpAddress::Parse("198.51.100.1").value();
const IpAddress kV4B = IpAddress::Parse("203.0.113.77").value();
const IpAddress kV6A = IpAddress::Parse("2001:db8::1").value();
const IpAddress kV6B = IpAddress::Parse("2001:db8:1::ffee:77").value();

// RFC 1071 in its plainest form: one's complement addition, word by word, carry brought round at
// once. Over data that holds its right checksum it gives 0xffff.
uint16_t OnesComplementSum(const Bytes& data) {
  uint16_t sum = 0;
  for (size_t i = 0; i < data.size(); i += 2) {
    const uint16_t low = i + 1 < data.size() ? data[i + 1] : 0;
    const auto word = static_cast<uint16_t>(data[i] * 256 + low);
    const auto before = sum;
    sum = static_cast<uint16_t>(sum + word);
    if (sum < before) {
      ++sum;
    }
  }
  return sum;
}

// Pseudo-header (RFC 793, RFC 8200 section 8.1) and segment, for the sum above.
Bytes WithPseudoHeader(const IpAddress& source, const IpAddress& destination, uint8_t protocol,
                       const Bytes& segment) {
  Bytes data(source.data(), source.data() + source.size());
  data.insert(data.end(), destination.data(), destination.data() + destination.size());
  const auto length = static_cast<uint32_t>(segment.size());
  if (source.IsV4()) {
    data.insert(data.end(), {0, protocol});
  } else {
    data.insert(data.end(),
                {static_cast<uint8_t>(length >> 24), static_cast<uint8_t>(length >> 16)});
  }
  data.insert(data.end(), {static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)});
  if (source.IsV6()) {
    data.insert(data.end(), {0, 0, 0, protocol});
  }
  data.insert(data.end(), segment.begin(), segment.end());
  return data;
}

Bytes From(const Bytes& frame, size_t offset) {
  return {frame.begin() + static_cast<ptrdiff_t>(offset), frame.end()};
}

Ethernet AToB() {
  return {.destination = kMacB, .source = kMacA};
}
Ipv4 Ip4() {
  return {.source = kV4A, .destination = kV4B};
}
Ipv6 Ip6() {
  return {.source = kV6A, .destination = kV6B};
}

TEST(FrameBuilder, ArpRequestIsByteForByteThatOfRfc826) {
  const Bytes expected = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0,   0,   0, 0,
                          0x0a, 0x08, 0x06, 0,    1,    0x08, 0,    6,   4,   0, 1,
                          0x02, 0,    0,    0,    0,    0x0a, 198,  51,  100, 1, 0,
                          0,    0,    0,    0,    0,    203,  0,    113, 77};
  EXPECT_EQ(ArpRequest(kMacA, kV4A, kV4B), expected);
}

TEST(FrameBuilder, Ipv4HeaderChecksumIsRightWithAndWithoutOptions) {
  Ipv4 with_options = Ip4();
  with_options.options = {7, 3, 4};  // record route, no room
  with_options.ttl = 3;
  for (const Ipv4& ip : {Ip4(), with_options}) {
    const Bytes frame = BuildFrame({AToB(), ip, Udp{.destination_port = 9}, Payload::Text("abc")});
    const size_t header = static_cast<size_t>(frame.at(14) & 0x0f) * 4;
    EXPECT_EQ(header, ip.options.empty() ? 20U : 24U);
    EXPECT_EQ(
        OnesComplementSum({frame.begin() + 14, frame.begin() + 14 + static_cast<int>(header)}),
        0xffff);
  }
}

TEST(FrameBuilder, TransportChecksumsAreRightInBothFamiliesAndForOddLengths) {
  const std::vector<std::pair<Layer, uint8_t>> transports = {
      {Udp{.source_port = 40000, .destination_port = 53}, 17},
      {Tcp{.source_port = 1,
           .destination_port = 65535,
           .sequence = 0xfffffff0,
           .options = {2, 4, 5, 180}},
       6},
  };
  for (const auto& [transport, protocol] : transports) {
    for (const char* text : {"", "x", "even", "odd length payload"}) {
      const Bytes v4 = BuildFrame({AToB(), Ip4(), transport, Payload::Text(text)});
      const Bytes v6 = BuildFrame({AToB(), Ip6(), transport, Payload::Text(text)});
      EXPECT_EQ(OnesComplementSum(WithPseudoHeader(kV4A, kV4B, protocol, From(v4, 34))), 0xffff);
      EXPECT_EQ(OnesComplementSum(WithPseudoHeader(kV6A, kV6B, protocol, From(v6, 54))), 0xffff);
    }
  }
}

TEST(FrameBuilder, IcmpChecksumsAreRight) {
  const Bytes v4 = BuildFrame({AToB(), Ip4(), Icmp{.rest = 0x12340001}, Payload::Text("ping!")});
  EXPECT_EQ(OnesComplementSum(From(v4, 34)), 0xffff);
  const std::vector<Layer> layers6 = {
      Icmp6{.rest = 7}, NeighborSolicitation{.target = kV6B, .source_mac = kMacA},
      NeighborAdvertisement{.target = kV6A, .target_mac = kMacA},
      RouterSolicitation{.source_mac = kMacA},
      RouterAdvertisement{.source_mac = kMacA, .prefix = IpPrefix{kV6A, 64}}};
  for (const Layer& layer : layers6) {
    const Bytes v6 = BuildFrame({AToB(), Ip6(), layer});
    EXPECT_EQ(OnesComplementSum(WithPseudoHeader(kV6A, kV6B, 58, From(v6, 54))), 0xffff);
  }
}

TEST(FrameBuilder, ChecksumBehindExtensionHeadersCoversOnlyTheTransport) {
  const Bytes frame =
      BuildFrame({AToB(), Ip6(), HopByHop{.options = {5, 2, 0, 0}}, DestinationOptions{},
                  Udp{.destination_port = 9}, Payload::Text("abc")});
  EXPECT_EQ(frame.at(20), 0);   // hop-by-hop
  EXPECT_EQ(frame.at(54), 60);  // destination options
  EXPECT_EQ(frame.at(62), 17);  // UDP
  EXPECT_EQ(OnesComplementSum(WithPseudoHeader(kV6A, kV6B, 17, From(frame, 70))), 0xffff);
}

TEST(FrameBuilder, UdpChecksumIsNeverZero) {
  // One of 65536 contents sums to zero; RFC 768 has it sent as all ones.
  for (unsigned value = 0; value < 65536; ++value) {
    const Bytes frame =
        BuildFrame({AToB(), Ip4(), Udp{},
                    Payload{{static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)}}});
    ASSERT_NE(frame.at(40) << 8 | frame.at(41), 0) << value;
  }
}

TEST(FrameBuilder, GivenValuesAreKeptEvenIfWrong) {
  Ipv4 ip = Ip4();
  ip.checksum = 0x1234;
  ip.total_length = 9999;
  ip.protocol = 200;
  const Bytes frame = BuildFrame({AToB(), ip, Udp{.length = 3, .checksum = 0xbeef}});
  EXPECT_EQ(From(frame, 16)[0] << 8 | From(frame, 16)[1], 9999);
  EXPECT_EQ(frame.at(23), 200);
  EXPECT_EQ(frame.at(24) << 8 | frame.at(25), 0x1234);
  EXPECT_EQ(frame.at(38) << 8 | frame.at(39), 3);
  EXPECT_EQ(frame.at(40) << 8 | frame.at(41), 0xbeef);
}

TEST(ParseFrame, TakesApartWhatTheBuilderBuilt) {
  const Frame arp = ParseFrame(ArpReply(kMacA, kV4A, kMacB, kV4B));
  ASSERT_TRUE(arp.IsArp(2));
  EXPECT_EQ(*arp.arp, (ArpView{.operation = 2,
                               .sender_mac = kMacA,
                               .sender = kV4A,
                               .target_mac = kMacB,
                               .target = kV4B}));

  const Frame tagged = ParseFrame(
      BuildFrame({AToB(), Vlan{.id = 100, .tpid = 0x88a8}, Vlan{.id = 7, .priority = 5}, Ip4(),
                  Tcp{.source_port = 80, .destination_port = 81, .flags = Tcp::kRst}}));
  EXPECT_THAT(tagged.vlans, ElementsAre(100, 7));
  EXPECT_EQ(tagged.ether_type, 0x0800);
  ASSERT_TRUE(tagged.ip.has_value());
  EXPECT_EQ(tagged.ip->source, kV4A);
  EXPECT_EQ(tagged.ip->destination, kV4B);
  ASSERT_TRUE(tagged.ports.has_value());
  EXPECT_EQ(*tagged.ports, (PortsView{.source = 80, .destination = 81, .tcp_flags = Tcp::kRst}));

  const Frame solicitation = ParseFrame(NeighborSolicit(kMacA, kV6A, kV6B));
  ASSERT_TRUE(solicitation.IsSolicitation());
  EXPECT_EQ(solicitation.destination.ToString(), "33:33:ff:ee:00:77");
  EXPECT_EQ(solicitation.ip->destination.ToString(), "ff02::1:ffee:77");
  EXPECT_EQ(solicitation.neighbor->target, kV6B);
  EXPECT_EQ(solicitation.neighbor->link_layer, kMacA);

  const Frame advertisement = ParseFrame(
      BuildFrame({AToB(), Ip6(), NeighborAdvertisement{.target = kV6A, .override_cache = false}}));
  ASSERT_TRUE(advertisement.IsAdvertisement());
  EXPECT_FALSE(advertisement.neighbor->link_layer.has_value());
  EXPECT_TRUE(advertisement.neighbor->solicited);
  EXPECT_FALSE(advertisement.neighbor->override_cache);
}

TEST(ParseFrame, StandsAnyTruncation) {
  const std::vector<Bytes> frames = {
      ArpRequest(kMacA, kV4A, kV4B), NeighborSolicit(kMacA, kV6A, kV6B),
      BuildFrame({AToB(), Vlan{.id = 1}, Ip4(), Tcp{.options = {1, 1, 1}}, Payload::Text("x")}),
      BuildFrame({AToB(), Ip6(), HopByHop{}, FragmentHeader{}, Udp{}, Payload::Text("x")})};
  for (const Bytes& frame : frames) {
    for (size_t length = 0; length < frame.size(); ++length) {
      // A vector of exactly this size: the sanitizer sees a byte read too far.
      const Bytes cut(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(length));
      const Frame parsed = ParseFrame(cut);
      EXPECT_FALSE(parsed.arp.has_value());
    }
  }
}

TEST(FragmentFrame, FragmentsTogetherAreTheWholeAgain) {
  const std::string text(3001, 'f');
  for (const Layer& ip : {Layer(Ip4()), Layer(Ip6())}) {
    const Bytes whole =
        BuildFrame({AToB(), ip, Udp{.source_port = 1, .destination_port = 2}, Payload::Text(text)});
    const size_t header = std::holds_alternative<Ipv4>(ip) ? 34 : 54;
    const std::vector<Bytes> fragments = FragmentFrame(whole, 1001, 42);
    ASSERT_EQ(fragments.size(), 4U);  // 3009 bytes by 1000
    Bytes together;
    for (size_t i = 0; i < fragments.size(); ++i) {
      const Frame parsed = ParseFrame(fragments[i]);
      ASSERT_TRUE(parsed.ip.has_value());
      EXPECT_TRUE(parsed.ip->is_fragment);
      EXPECT_EQ(parsed.ip->protocol, 17);
      EXPECT_EQ(parsed.ip->fragment_offset, together.size());
      EXPECT_EQ(parsed.ip->more_fragments, i + 1 < fragments.size());
      EXPECT_EQ(parsed.ports.has_value(), i == 0);
      const size_t head = header + (std::holds_alternative<Ipv4>(ip) ? 0 : 8);
      together.insert(together.end(), fragments[i].begin() + static_cast<ptrdiff_t>(head),
                      fragments[i].end());
    }
    EXPECT_EQ(together, From(whole, header));
  }
}

TEST(Summarise, TellsLossDuplicatesOrderAndGaps) {
  // Ten packets, one each millisecond; 2, 3 and 7 lost, 5 twice, 9 before 8.
  std::vector<int64_t> sent(10);
  std::iota(sent.begin(), sent.end(), 0);
  std::transform(sent.begin(), sent.end(), sent.begin(), [](int64_t i) { return i * 1'000'000; });
  std::vector<Arrival> arrivals;
  for (const uint64_t sequence : {0, 1, 4, 5, 5, 6, 9, 8}) {
    const int64_t at = sequence == 8 ? 9'200'000 : static_cast<int64_t>(sequence) * 1'000'000 + 100;
    arrivals.push_back({.sequence = sequence,
                        .sent_ns = static_cast<int64_t>(sequence) * 1'000'000,
                        .arrived_ns = at,
                        .interface = sequence < 5 ? 2U : 3U,
                        .source = kV4A});
  }
  const StreamResult result = Summarise(sent, arrivals, absl::Milliseconds(5));
  EXPECT_EQ(result.sent, 10U);
  EXPECT_EQ(result.received, 7U);
  EXPECT_EQ(result.lost, 3U);
  EXPECT_EQ(result.duplicates, 1U);
  EXPECT_EQ(result.reordered, 1U);
  EXPECT_EQ(result.longest_gap_ns, 3'000'000);
  EXPECT_EQ(result.longest_gap_begin_ns, 1'000'100);
  EXPECT_EQ(result.longest_outage_ns, 2'000'000);
  EXPECT_EQ(result.longest_send_gap_ns, 1'000'000);
  EXPECT_EQ(result.longest_delay_ns, 1'200'000);
  EXPECT_THAT(result.loss_spans, ElementsAre(LossSpan{2, 3, 2'000'000, 3'000'000},
                                             LossSpan{7, 7, 7'000'000, 7'000'000}));
  EXPECT_THAT(result.timeline, ElementsAre(3, 5));
  EXPECT_THAT(result.arrivals_by_interface, ElementsAre(Pair(2, 3), Pair(3, 5)));
}

TEST(Summarise, StreamThatDiesForEverShowsItsGap) {
  const StreamResult result =
      Summarise({0, 1000, 2000, 900'000}, {{.sequence = 0, .sent_ns = 0, .arrived_ns = 500}});
  EXPECT_EQ(result.lost, 3U);
  EXPECT_EQ(result.longest_gap_ns, 899'500);
  EXPECT_EQ(result.longest_gap_begin_ns, 500);
  EXPECT_EQ(Summarise({}, {}).sent, 0U);
}

TEST(LabPlan, NumbersRunThroughTheSegments) {
  const LabPlan plan(LabOptions{.nics = 2, .segments = 2, .clients = 1});
  EXPECT_EQ(plan.NicAddress(1, AF_INET).ToString(), "198.51.100.2");
  EXPECT_EQ(plan.NicAddress(3, AF_INET).ToString(), "192.0.2.4");
  EXPECT_EQ(plan.NicAddress(3, AF_INET6).ToString(), "2001:db8:2::4");
  EXPECT_EQ(plan.ClientAddress(0, AF_INET6).ToString(), "2001:db8::100");
  EXPECT_EQ(plan.ClientAddress(1, AF_INET).ToString(), "192.0.2.101");
  EXPECT_EQ(LabPlan::LinkLocal(LabPlan::NicMac(1)).ToString(), "fe80::ff:fe00:101");
}

TEST(ScratchName, TellsWhetherItsOwnerIsDead) {
  const std::string mine = ScratchName("role-with-dashes");
  EXPECT_NE(mine, ScratchName("role-with-dashes"));
  EXPECT_FALSE(OwnerIsDead(mine));
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  ASSERT_GT(child, 0);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(OwnerIsDead(absl::StrCat("shlab-", child, "-0-server")));
  for (const char* strange : {"", "eth0", "shlab-", "shlab-x-0-a", "shlab--1-0-a", "shlab-0-0-a"}) {
    EXPECT_FALSE(OwnerIsDead(strange)) << strange;
  }
}

}  // namespace
}  // namespace stronghost::lab
