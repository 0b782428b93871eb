// Tracing packets of a real NIC.
#include <gtest/gtest.h>

#include "tests/lib/frame_builder.h"
#include "tests/lib/gtest_status.h"
#include "tests/lib/raw_sender.h"
#include "tests/packet/datapath_fixture.h"

namespace stronghost::packet {
namespace {

class DatapathTraceTest : public DatapathTest {
 protected:
  // Of the two packets to two peers that leave by the NIC, those that are traced.
  int TracedOfTwo(Datapath& datapath) {
    const auto sender = lab::RawSender::Open(*netns_, Nic().name);
    EXPECT_OK(sender);
    for (const char* peer : {"198.51.100.77", "198.51.100.78"}) {
      EXPECT_OK(
          sender->Send(lab::BuildFrame({lab::Ethernet{.destination = lab::kBroadcastMac},
                                        lab::Ipv4{.source = *IpAddress::Parse("198.51.100.1"),
                                                  .destination = *IpAddress::Parse(peer)},
                                        lab::Udp{.source_port = 4711, .destination_port = 9}})));
    }
    int traced = 0;
    EXPECT_OK(datapath.ConsumeEvents([](const sh_event&) {},
                                     [&](const sh_trace_record& record) {
                                       // The kernel sends something of its own now and then.
                                       if (record.bytes[23] == 17 && record.bytes[35] == 0x67) {
                                         EXPECT_EQ(record.ifindex, ToInt(link()));
                                         ++traced;
                                       }
                                     }));
    return traced;
  }
};

TEST_F(DatapathTraceTest, ShowsWhatIsAskedForAndNothingBeforeOrAfter) {
  for (const TcMode mode : TcModes()) {
    const auto datapath = OpenOrDie(mode);
    ASSERT_NE(datapath, nullptr);
    ASSERT_OK(datapath->ApplyState(SmallState(), {}));
    ASSERT_OK(datapath->AttachNic(Nic()));
    EXPECT_EQ(TracedOfTwo(*datapath), 0);
    datapath->SetTrace(TraceFilter{});
    EXPECT_EQ(TracedOfTwo(*datapath), 2);
    datapath->SetTrace(TraceFilter{.address = *IpAddress::Parse("198.51.100.78")});
    EXPECT_EQ(TracedOfTwo(*datapath), 1);
    datapath->SetTrace(TraceFilter{.verdicts = 1U << SH_OUT_ERROR});
    EXPECT_EQ(TracedOfTwo(*datapath), 0);
    datapath->SetTrace(TraceFilter{});
    EXPECT_EQ(TracedOfTwo(*datapath), 2);
    datapath->SetTrace(std::nullopt);
    EXPECT_EQ(TracedOfTwo(*datapath), 0);
    EXPECT_EQ(datapath->trace_missed(), 0U);
    ASSERT_OK(datapath->DetachAll());
  }
}

}  // namespace
}  // namespace stronghost::packet
