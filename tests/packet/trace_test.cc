// What the programs record of packets for `stronghost trace`.
#include <algorithm>
#include <cstring>

#include "tests/lib/await.h"
#include "tests/lib/gtest_status.h"
#include "tests/packet/program_fixture.h"
#include "tests/packet/test_frames.h"

namespace stronghost::packet {
namespace {

constexpr uint32_t kAll = ~0U;

class TraceTest : public ProgramFixture, public testing::WithParamInterface<Family> {
 protected:
  void Trace(uint32_t verdicts, const IpAddress& address = IpAddress(), uint32_t home = 0) {
    sh_trace& trace = programs().Trace();
    std::copy(address.mapped().begin(), address.mapped().end(), trace.ip.bytes);
    trace.home = home;
    trace.verdicts = verdicts;
  }

  std::vector<sh_trace_record> TakePackets() {
    auto packets = programs().TakePackets();
    EXPECT_OK(packets);
    return packets.ok() ? *std::move(packets) : std::vector<sh_trace_record>();
  }

  [[nodiscard]] Bytes From(const Nic& nic) const {
    return Datagram(nic.mac, nic.Address(GetParam()), kClientMac, Client(GetParam()));
  }
  [[nodiscard]] Bytes To(const Nic& nic) const {
    return Datagram(kClientMac, Client(GetParam()), nic.mac, nic.Address(GetParam()));
  }
  [[nodiscard]] Bytes AskFor(const Nic& nic) const {
    return AddressRequest(kClientMac, Client(GetParam()), nic.Address(GetParam()));
  }

  // The one packet that was recorded is this frame.
  void ExpectRecord(sh_trace_program program, const Nic& nic, sh_verdict verdict,
                    const Bytes& frame) {
    const std::vector<sh_trace_record> packets = TakePackets();
    ASSERT_EQ(packets.size(), 1U);
    const sh_trace_record& packet = packets[0];
    EXPECT_EQ(packet.type, SH_EVENT_PACKET);
    EXPECT_EQ(packet.program, program);
    EXPECT_EQ(packet.home, nic.home);
    EXPECT_EQ(packet.ifindex, nic.ifindex);
    EXPECT_EQ(VerdictName(static_cast<sh_verdict>(packet.verdict)), VerdictName(verdict));
    EXPECT_EQ(packet.length, frame.size());
    ASSERT_EQ(packet.captured, std::min<size_t>(frame.size(), SH_TRACE_BYTES));
    EXPECT_EQ(Bytes(packet.bytes, packet.bytes + packet.captured),
              Bytes(frame.begin(), frame.begin() + packet.captured));
  }
};
INSTANTIATE_TEST_SUITE_P(, TraceTest, testing::Values(Family::kV4, Family::kV6), FamilyName);

TEST_P(TraceTest, RecordsNothingUntilSomebodyAsks) {
  Steer(h0_, From(h0_));
  Deliver(h0_, To(h0_));
  Guard(h1_, AskFor(h0_));
  EXPECT_TRUE(TakePackets().empty());
}

TEST_P(TraceTest, RecordsWhatSteerSendsAsItLeaves) {
  Trace(kAll);
  const int64_t before = lab::MonotonicNow();
  Steer(h0_, From(h0_));
  const int64_t after = lab::MonotonicNow();
  const std::vector<sh_trace_record> packets = TakePackets();
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_GE(packets[0].time_ns, static_cast<uint64_t>(before));
  EXPECT_LE(packets[0].time_ns, static_cast<uint64_t>(after));
  Steer(h0_, From(h0_));
  ExpectRecord(SH_TRACE_STEER, h0_, SH_OUT_PASS, From(h0_));
  const Outcome outcome = Steer(h0_, WithSource(From(h1_), h0_.mac));
  ExpectRecord(SH_TRACE_STEER, h0_, SH_OUT_STEER, outcome.frame);
  EXPECT_EQ(outcome.frame, From(h1_));
}

TEST_P(TraceTest, RecordsBothMeetingsOfARedirectedFrame) {
  Trace(kAll);
  SetPath(h0_, h1_);
  Outcome outcome = Steer(h0_, From(h0_));
  ExpectRecord(SH_TRACE_STEER, h0_, SH_OUT_STAND_IN, outcome.frame);
  outcome = Run(Program::kSteer, h1_, outcome.frame, outcome.mark);
  ExpectRecord(SH_TRACE_STEER, h1_, SH_OUT_CARRIED, outcome.frame);
}

TEST_P(TraceTest, RecordsWhatDeliverAndGuardDecide) {
  Trace(kAll);
  Deliver(h0_, To(h0_));
  ExpectRecord(SH_TRACE_DELIVER, h0_, SH_IN_PASS, To(h0_));
  Deliver(h1_, AskFor(h0_));
  ExpectRecord(SH_TRACE_DELIVER, h1_, SH_IN_SUPPRESS, AskFor(h0_));
  Guard(h1_, AskFor(h0_));
  ExpectRecord(SH_TRACE_GUARD, h1_, SH_IN_SUPPRESS, AskFor(h0_));
  // What guard passes is met by deliver.
  Guard(h0_, AskFor(h0_));
  EXPECT_TRUE(TakePackets().empty());
}

TEST_P(TraceTest, ShowsOneAddressWhereverItStands) {
  const IpAddress& own = h0_.Address(GetParam());
  const std::vector<std::pair<Bytes, bool>> frames = {
      {To(h0_), true},
      {From(h0_), true},
      {AskFor(h0_), true},
      {Announcement(h0_.mac, own), true},
      {AddressReply(h0_.mac, own, kClientMac, Client(GetParam())), true},
      {To(h1_), false},
      {From(h1_), false},
      {AskFor(h1_), false},
      {lab::BuildFrame({lab::Ethernet{.destination = h0_.mac, .type = uint16_t{0x88cc}}}), false}};
  Trace(kAll, own);
  for (const auto& [frame, shown] : frames) {
    Steer(h0_, frame);
    EXPECT_EQ(TakePackets().size(), shown ? 1U : 0U) << (&frame - &frames[0].first);
  }
}

TEST_P(TraceTest, ShowsOneNicAndTheVerdictsAskedFor) {
  Trace(kAll, IpAddress(), h1_.home);
  Steer(h0_, From(h0_));
  Steer(h1_, From(h1_));
  ExpectRecord(SH_TRACE_STEER, h1_, SH_OUT_PASS, From(h1_));
  Trace(1U << SH_IN_SUPPRESS | 1U << SH_IN_FOREIGN);
  Steer(h0_, From(h0_));
  Deliver(h0_, To(h0_));
  Deliver(h1_, AskFor(h0_));
  ExpectRecord(SH_TRACE_DELIVER, h1_, SH_IN_SUPPRESS, AskFor(h0_));
}

// Whatever the length: the outcome is as without tracing.
TEST_P(TraceTest, RecordsFramesOfEveryLengthAndChangesNone) {
  Bytes whole = To(h0_);
  whole.resize(200, 0x5a);
  for (const Program program : kAllPrograms) {
    // The kernel's test run takes no packet with less than its IP header for tc.
    for (size_t length = program == Program::kGuard ? 14 : 54; length <= whole.size(); ++length) {
      const Bytes frame(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
      Trace(0);
      const Outcome plain = Run(program, h0_, frame);
      Trace(kAll);
      programs().Trace().taken = 0;
      EXPECT_EQ(Run(program, h0_, frame), plain);
      const std::vector<sh_trace_record> packets = TakePackets();
      ASSERT_EQ(packets.size(), plain.count.has_value() ? 1U : 0U);
      if (!packets.empty()) {
        EXPECT_EQ(packets[0].length, length);
        EXPECT_EQ(packets[0].captured, std::min<size_t>(length, SH_TRACE_BYTES));
      }
    }
  }
}

TEST_P(TraceTest, ShowsSoManyAWindowAndCountsTheRest) {
  Trace(kAll);
  sh_trace& trace = programs().Trace();
  // A window that has hardly begun, and one that is over.
  for (const int64_t age : {int64_t{0}, int64_t{SH_TRACE_WINDOW_NS}}) {
    const uint32_t missed = trace.missed;
    trace.window_ns = static_cast<uint64_t>(lab::MonotonicNow() - age);
    trace.taken = SH_TRACE_PER_WINDOW - 1;
    Steer(h0_, From(h0_));
    Steer(h0_, From(h0_));
    EXPECT_EQ(TakePackets().size(), age == 0 ? 1U : 2U);
    EXPECT_EQ(trace.missed - missed, age == 0 ? 1U : 0U);
  }
}

TEST_P(TraceTest, LeavesHalfOfTheRingToOtherEvents) {
  Trace(kAll);
  sh_trace& trace = programs().Trace();
  int records = 0;
  for (; trace.missed == 0 && records < SH_EVENTS_BYTES; ++records) {
    trace.taken = 0;
    Steer(h0_, From(h0_));
  }
  EXPECT_NEAR(records * (8.0 + sizeof(sh_trace_record)), SH_EVENTS_BYTES / 2, 1000);
  Deliver(h0_, Announcement(kChildMac, h0_.Address(GetParam())));
  EXPECT_EQ(TakeEvents().size(), 1U);
}

}  // namespace
}  // namespace stronghost::packet
