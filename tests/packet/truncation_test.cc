// Every kind of frame, cut at every length from its Ethernet header on, through each program.
#include <algorithm>
#include <array>
#include <memory>

#include "tests/lib/await.h"
#include "tests/lib/capture.h"
#include "tests/lib/gtest_status.h"
#include "tests/lib/raw_sender.h"
#include "tests/packet/attached.h"
#include "tests/packet/program_fixture.h"
#include "tests/packet/test_frames.h"

namespace stronghost::packet {
namespace {

using lab::BuildFrame;
using lab::Ethernet;
using lab::HopByHop;
using lab::Ipv4;
using lab::Ipv6;
using lab::kBroadcastMac;
using lab::Payload;
using lab::Udp;
using lab::Vlan;

constexpr size_t kEthernetEnd = 14;
constexpr size_t kIpv4End = 34;
constexpr size_t kArpEnd = 42;
constexpr size_t kIpv6End = 54;
constexpr size_t kNdEnd = 78;
constexpr size_t kNdOptionEnd = 86;

// From this length on: the verdict, and the frame whose beginning comes out.
struct Step {
  size_t from;
  sh_verdict verdict;
  Bytes whole;
};

struct Row {
  const char* name;
  Bytes frame;
  std::vector<Step> steps;  // the first is from 14
};

bool IsDrop(sh_verdict verdict) {
  return verdict == SH_IN_SUPPRESS || verdict == SH_IN_FOREIGN || verdict == SH_IN_ECHO;
}

Bytes Head(const Bytes& frame, size_t length) {
  return {frame.begin(), frame.begin() + static_cast<ptrdiff_t>(length)};
}

Bytes PaddedTo60(Bytes frame) {
  frame.resize(60);
  return frame;
}

class TruncationTest : public ProgramFixture {
 protected:
  // What is expected of the program on h0 for the first `length` bytes of the row's frame.
  Outcome Expected(Program program, const Row& row, size_t length) const {
    const auto after = std::find_if(row.steps.begin(), row.steps.end(),
                                    [&](const Step& step) { return step.from > length; });
    const Step& step = *(after - 1);
    if (program == Program::kGuard) {  // it changes nothing
      const Bytes out = Head(row.frame, length);
      return IsDrop(step.verdict) ? XdpDropped(out, h0_.home, step.verdict) : XdpPassed(out);
    }
    const Bytes out = Head(step.whole, length);
    if (IsDrop(step.verdict)) {
      return Dropped(out, h0_.home, step.verdict);
    }
    if (step.verdict == SH_OUT_STEER) {
      return Redirected(out, h0_.home, step.verdict, Mark{kMarkOut, h1_.home, 1});
    }
    if (step.verdict == SH_IN_DELIVER) {
      return Redirected(out, h0_.home, step.verdict, Mark{kMarkIn, h2_.home, 0});
    }
    return Passed(out, h0_.home, step.verdict);
  }

  // Runs the table. Since 6.18 the kernel refuses to run tc programs on IP headers that are cut
  // off; returns these frames, which only a real hook shows.
  std::vector<Bytes> RunTable(Program program, const std::vector<Row>& rows) {
    std::vector<Bytes> refused;
    for (const Row& row : rows) {
      SCOPED_TRACE(row.name);
      for (size_t length = kEthernetEnd; length <= row.frame.size(); ++length) {
        const Bytes frame = Head(row.frame, length);
        const Outcome expected = Expected(program, row, length);
        auto outcome = programs().Run(program, h0_.ifindex, frame);
        if (absl::IsInvalidArgument(outcome.status()) && program != Program::kGuard &&
            expected.count->verdict == (program == Program::kSteer ? SH_OUT_SHORT : SH_IN_SHORT)) {
          refused.push_back(frame);
          continue;
        }
        EXPECT_OK(outcome) << length;
        if (outcome.ok()) {
          EXPECT_EQ(*outcome, expected) << length;
        }
      }
    }
    return refused;
  }

  // Sends each frame into the hook; all come out on `to` as they are and count as `verdict`.
  void ExpectPassOnTheHook(const std::vector<Bytes>& frames, const std::string& from,
                           const std::string& to, sh_verdict verdict) {
    ASSERT_OK(AttachToTc(programs(), h0_));
    const auto sender = lab::RawSender::Open(netns(), from);
    ASSERT_OK(sender);
    const auto capture =
        lab::Capture::Start(netns(), to, {.direction = lab::CaptureOptions::Direction::kIncoming});
    ASSERT_OK(capture);
    const uint64_t before = programs().Packets({h0_.home, verdict});
    ASSERT_OK(sender->Send(frames));
    ASSERT_OK(lab::Await(absl::Seconds(5), [&] {
      return programs().Packets({h0_.home, verdict}) == before + frames.size();
    }));
    const auto arrived = (*capture)->Frames();
    ASSERT_EQ(arrived.size(), frames.size());
    for (size_t i = 0; i < frames.size(); ++i) {
      EXPECT_EQ(arrived[i].bytes, frames[i]);
    }
  }

  [[nodiscard]] std::vector<Row> OutgoingRows() const;
  [[nodiscard]] std::vector<Row> IncomingRows() const;
};

std::vector<Row> TruncationTest::OutgoingRows() const {
  const Ethernet eth{.destination = kClientMac, .source = h0_.mac};
  const auto sent_by_h1 = [&](const Bytes& frame) { return WithSource(frame, h1_.mac); };
  const Bytes v4 = Datagram(h0_.mac, h1_.v4, kClientMac, Client(Family::kV4));
  const Bytes v4_options = BuildFrame(
      {eth, Ipv4{.source = h1_.v4, .destination = Client(Family::kV4), .options = Bytes(40, 1)},
       Udp{}, Payload::Zeros(4)});
  const Bytes igmp = BuildFrame({Ethernet{lab::MulticastMac(Ip("224.0.0.22")), h0_.mac},
                                 Ipv4{.source = h1_.v4,
                                      .destination = Ip("224.0.0.22"),
                                      .options = {0x94, 4, 0, 0},
                                      .protocol = 2},
                                 Payload::Zeros(16)});
  const Bytes v6 = Datagram(h0_.mac, h1_.v6, kClientMac, Client(Family::kV6));
  const Bytes v6_extensions =
      BuildFrame({eth, Ipv6{.source = h1_.v6, .destination = Client(Family::kV6)}, HopByHop{},
                  lab::FragmentHeader{.more = true}, Udp{}, Payload::Zeros(16)});
  const Bytes solicitation = lab::NeighborSolicit(h0_.mac, h1_.v6, Client(Family::kV6));
  const Bytes advertisement = AddressReply(h0_.mac, h1_.v6, kClientMac, Client(Family::kV6));
  const Bytes announcement = PaddedTo60(lab::GratuitousArp(h0_.mac, h1_.v4));
  const Bytes request = PaddedTo60(lab::ArpRequest(h0_.mac, h1_.v4, Client(Family::kV4)));
  const Bytes anonymous = PaddedTo60(lab::ArpRequest(h0_.mac, Ip("0.0.0.0"), Client(Family::kV4)));
  const Bytes unowned = Datagram(h0_.mac, Ip("192.0.2.9"), kClientMac, Client(Family::kV4));
  const Bytes vlan = BuildFrame({eth, Vlan{.id = 5}, IpHeader(h1_.v4, Client(Family::kV4)), Udp{}});
  const Bytes vlan2 = BuildFrame({eth, Vlan{.id = 5, .tpid = 0x88a8}, Vlan{.id = 6},
                                  IpHeader(h1_.v6, Client(Family::kV6)), Udp{}});
  const Bytes lldp =
      BuildFrame({Ethernet{{{0x01, 0x80, 0xc2, 0, 0, 0x0e}}, h0_.mac, 0x88cc}, Payload::Zeros(46)});
  const Bytes stp =
      BuildFrame({Ethernet{{{0x01, 0x80, 0xc2, 0, 0, 0}}, h0_.mac, 38}, Payload::Zeros(46)});
  return {
      {"IPv4", v4, {{14, SH_OUT_SHORT, v4}, {kIpv4End, SH_OUT_STEER, sent_by_h1(v4)}}},
      {"IPv4 with options",
       v4_options,
       {{14, SH_OUT_SHORT, v4_options}, {kIpv4End, SH_OUT_STEER, sent_by_h1(v4_options)}}},
      {"IGMP", igmp, {{14, SH_OUT_SHORT, igmp}, {kIpv4End, SH_OUT_PASS, igmp}}},
      {"unowned IPv4", unowned, {{14, SH_OUT_SHORT, unowned}, {kIpv4End, SH_OUT_PASS, unowned}}},
      {"IPv6", v6, {{14, SH_OUT_SHORT, v6}, {kIpv6End, SH_OUT_STEER, sent_by_h1(v6)}}},
      {"IPv6 with extension headers",
       v6_extensions,
       {{14, SH_OUT_SHORT, v6_extensions}, {kIpv6End, SH_OUT_STEER, sent_by_h1(v6_extensions)}}},
      // To a link-scoped group: only as ND it belongs to its source.
      {"neighbour solicitation",
       solicitation,
       {{14, SH_OUT_SHORT, solicitation},
        {kIpv6End, SH_OUT_PASS, solicitation},
        {kNdEnd, SH_OUT_STEER, sent_by_h1(solicitation)},
        {kNdOptionEnd, SH_OUT_STEER, lab::NeighborSolicit(h1_.mac, h1_.v6, Client(Family::kV6))}}},
      {"neighbour advertisement",
       advertisement,
       {{14, SH_OUT_SHORT, advertisement},
        {kIpv6End, SH_OUT_STEER, sent_by_h1(advertisement)},
        {kNdOptionEnd, SH_OUT_STEER,
         AddressReply(h1_.mac, h1_.v6, kClientMac, Client(Family::kV6))}}},
      {"ARP announcement",
       announcement,
       {{14, SH_OUT_SHORT, announcement},
        {kArpEnd, SH_OUT_STEER, PaddedTo60(lab::GratuitousArp(h1_.mac, h1_.v4))}}},
      {"ARP request", request, {{14, SH_OUT_SHORT, request}, {kArpEnd, SH_OUT_PASS, anonymous}}},
      {"VLAN", vlan, {{14, SH_OUT_UNTOUCHED, vlan}}},
      {"VLAN in VLAN", vlan2, {{14, SH_OUT_UNTOUCHED, vlan2}}},
      {"LLDP", lldp, {{14, SH_OUT_UNTOUCHED, lldp}}},
      {"802.3", stp, {{14, SH_OUT_UNTOUCHED, stp}}},
  };
}

// h0 is its own wire and carries h2 as well; h1 is elsewhere.
std::vector<Row> TruncationTest::IncomingRows() const {
  const IpAddress client4 = Client(Family::kV4);
  const IpAddress client6 = Client(Family::kV6);
  const Bytes own4 = Datagram(kClientMac, client4, h0_.mac, h0_.v4);
  const Bytes carried4 = Datagram(kClientMac, client4, h0_.mac, h2_.v4);
  const Bytes foreign4 = Datagram(kClientMac, client4, h0_.mac, h1_.v4);
  const Bytes unowned4 = Datagram(kClientMac, client4, h0_.mac, Ip("192.0.2.9"));
  const Bytes child4 = Datagram(kClientMac, client4, kChildMac, h1_.v4);
  const Bytes echo4 = Datagram(h1_.mac, h1_.v4, kBroadcastMac, Ip("255.255.255.255"));
  const Bytes own6 = Datagram(kClientMac, client6, h0_.mac, h0_.v6);
  const Bytes carried6 = Datagram(kClientMac, client6, h0_.mac, h2_.v6);
  const Bytes foreign6 = Datagram(kClientMac, client6, h0_.mac, h1_.v6);
  const Bytes child6 = Datagram(kClientMac, client6, kChildMac, h1_.v6);
  const Bytes solicitation = lab::NeighborSolicit(kClientMac, client6, h1_.v6);
  const Bytes unicast_solicitation = UnicastRequest(kClientMac, client6, h0_.mac, h1_.v6);
  const Bytes advertisement = AddressReply(kClientMac, client6, h0_.mac, h0_.v6);
  const Bytes request = PaddedTo60(lab::ArpRequest(kClientMac, client4, h1_.v4));
  const Bytes reply = PaddedTo60(lab::ArpReply(kClientMac, client4, h0_.mac, h1_.v4));
  const Bytes echo = PaddedTo60(lab::GratuitousArp(h1_.mac, h1_.v4));
  const Bytes vlan = BuildFrame({Ethernet{.destination = kBroadcastMac, .source = h1_.mac},
                                 Vlan{.id = 5}, lab::Arp{.target = h1_.v4}});
  const Bytes lldp =
      BuildFrame({Ethernet{{{0x01, 0x80, 0xc2, 0, 0, 0x0e}}, h1_.mac, 0x88cc}, Payload::Zeros(46)});
  return {
      {"IPv4", own4, {{14, SH_IN_SHORT, own4}, {kIpv4End, SH_IN_PASS, own4}}},
      {"IPv4 of a home that this NIC carries",
       carried4,
       {{14, SH_IN_SHORT, carried4},
        {kIpv4End, SH_IN_DELIVER, WithDestination(carried4, h2_.mac)}}},
      {"IPv4 of another wire",
       foreign4,
       {{14, SH_IN_SHORT, foreign4}, {kIpv4End, SH_IN_FOREIGN, foreign4}}},
      {"unowned IPv4", unowned4, {{14, SH_IN_SHORT, unowned4}, {kIpv4End, SH_IN_PASS, unowned4}}},
      {"IPv4 of a child", child4, {{14, SH_IN_SHORT, child4}, {kIpv4End, SH_IN_PASS, child4}}},
      {"IPv4 broadcast of ours", echo4, {{14, SH_IN_SHORT, echo4}, {kIpv4End, SH_IN_ECHO, echo4}}},
      {"IPv6", own6, {{14, SH_IN_SHORT, own6}, {kIpv6End, SH_IN_PASS, own6}}},
      {"IPv6 of a home that this NIC carries",
       carried6,
       {{14, SH_IN_SHORT, carried6},
        {kIpv6End, SH_IN_DELIVER, WithDestination(carried6, h2_.mac)}}},
      {"IPv6 of another wire",
       foreign6,
       {{14, SH_IN_SHORT, foreign6}, {kIpv6End, SH_IN_FOREIGN, foreign6}}},
      {"IPv6 of a child", child6, {{14, SH_IN_SHORT, child6}, {kIpv6End, SH_IN_PASS, child6}}},
      // Without its target it is multicast that nobody owns.
      {"neighbour solicitation",
       solicitation,
       {{14, SH_IN_SHORT, solicitation},
        {kIpv6End, SH_IN_PASS, solicitation},
        {kNdEnd, SH_IN_SUPPRESS, solicitation}}},
      {"unicast neighbour solicitation",
       unicast_solicitation,
       {{14, SH_IN_SHORT, unicast_solicitation},
        {kIpv6End, SH_IN_FOREIGN, unicast_solicitation},
        {kNdEnd, SH_IN_SUPPRESS, unicast_solicitation}}},
      {"neighbour advertisement",
       advertisement,
       {{14, SH_IN_SHORT, advertisement}, {kIpv6End, SH_IN_PASS, advertisement}}},
      {"ARP request", request, {{14, SH_IN_SHORT, request}, {kArpEnd, SH_IN_SUPPRESS, request}}},
      {"ARP reply", reply, {{14, SH_IN_SHORT, reply}, {kArpEnd, SH_IN_FOREIGN, reply}}},
      {"ARP of ours", echo, {{14, SH_IN_SHORT, echo}, {kArpEnd, SH_IN_ECHO, echo}}},
      {"VLAN", vlan, {{14, SH_IN_UNTOUCHED, vlan}}},
      {"LLDP", lldp, {{14, SH_IN_UNTOUCHED, lldp}}},
  };
}

// Shorter frames need no test: the kernel itself never shows them to a program.
TEST_F(TruncationTest, KernelRefusesFramesWithoutAnEthernetHeader) {
  for (const Program program : kAllPrograms) {
    for (size_t length = 0; length < kEthernetEnd; ++length) {
      EXPECT_TRUE(absl::IsInvalidArgument(
          programs().Run(program, h0_.ifindex, Bytes(length, 0xff)).status()))
          << program << length;
    }
  }
}

TEST_F(TruncationTest, SteerDecidesByWhatIsThere) {
  const std::vector<Bytes> refused = RunTable(Program::kSteer, OutgoingRows());
  ExpectPassOnTheHook(refused, "h0", "p0", SH_OUT_SHORT);
}

TEST_F(TruncationTest, DeliverDecidesByWhatIsThere) {
  SetPath(h2_, h0_);
  const std::vector<Bytes> refused = RunTable(Program::kDeliver, IncomingRows());
  ExpectPassOnTheHook(refused, "p0", "h0", SH_IN_SHORT);
  EXPECT_TRUE(TakeEvents().empty());
}

TEST_F(TruncationTest, GuardDecidesByWhatIsThere) {
  SetPath(h2_, h0_);
  EXPECT_TRUE(RunTable(Program::kGuard, IncomingRows()).empty());
  EXPECT_TRUE(TakeEvents().empty());
}

TEST_F(TruncationTest, NoClaimIsReadFromAnAdvertisementThatIsCutOff) {
  const Bytes claim = AddressReply(kClientMac, h0_.v6, h0_.mac, h0_.v6);
  for (const Program program : {Program::kDeliver, Program::kGuard}) {
    for (size_t length = kIpv6End; length <= claim.size(); ++length) {
      ChangeHome(h0_.home, [](sh_home& home) { home.conflict_ns = 0; });
      Run(program, h0_, Head(claim, length));
      EXPECT_EQ(TakeEvents().size(), length >= kNdEnd ? 1U : 0U) << length;
    }
  }
}

}  // namespace
}  // namespace stronghost::packet
