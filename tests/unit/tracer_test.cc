// Who traces sees what was asked for, and the programs are told the sum of it.
#include "agent/trace/tracer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/lib/frame_builder.h"

namespace stronghost {
namespace {

const MacAddress kMac = {{0x02, 0x00, 0x5e, 0x10, 0x00, 0x01}};

IpAddress Ip(const char* text) {
  return *IpAddress::Parse(text);
}

sh_trace_record Record(uint32_t home, sh_verdict verdict, const char* source) {
  const lab::Bytes frame =
      lab::BuildFrame({lab::Ethernet{.destination = kMac, .source = kMac},
                       lab::Ipv4{.source = Ip(source), .destination = Ip("198.51.100.9")},
                       lab::Udp{.source_port = 53, .destination_port = 1024}});
  sh_trace_record record{.time_ns = 1,
                         .type = SH_EVENT_PACKET,
                         .home = home,
                         .ifindex = 2,
                         .verdict = verdict,
                         .length = 1514,
                         .captured = static_cast<uint8_t>(frame.size()),
                         .program = SH_TRACE_STEER,
                         .vlan = 0,
                         .bytes = {}};
  std::copy(frame.begin(), frame.end(), record.bytes);
  return record;
}

class TracerTest : public ::testing::Test {
 protected:
  void Send(uint32_t home, sh_verdict verdict, const char* source = "198.51.100.1") {
    tracer_.OnPacket(Record(home, verdict, source), "front", "eth0");
  }
  static std::vector<std::string> TakeAll(TraceSession& session) {
    std::vector<std::string> verdicts;
    while (const std::optional<Event> event = session.Take()) {
      verdicts.push_back(event->event == "packet" ? event->more["verdict"].get<std::string>()
                                                  : event->event);
    }
    return verdicts;
  }

  std::vector<std::optional<TraceFilter>> applied_;
  Tracer tracer_{[this](const std::optional<TraceFilter>& filter) { applied_.push_back(filter); }};
};

TEST_F(TracerTest, TellsAllOfAPacket) {
  const auto session = tracer_.Start({});
  Send(1, SH_OUT_STEER);
  const std::optional<Event> event = session->Take();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->event, "packet");
  EXPECT_EQ(event->group, "front");
  EXPECT_EQ(event->nic, "eth0");
  EXPECT_EQ(event->detail, "198.51.100.1:53 > 198.51.100.9:1024 UDP, 1514 bytes");
  EXPECT_EQ(event->more, (Json{{"program", "steer"},
                               {"verdict", "out_steer"},
                               {"length", 1514},
                               {"source_mac", "02:00:5e:10:00:01"},
                               {"destination_mac", "02:00:5e:10:00:01"},
                               {"source", "198.51.100.1"},
                               {"destination", "198.51.100.9"},
                               {"target", nullptr},
                               {"protocol", "UDP"},
                               {"source_port", 53},
                               {"destination_port", 1024}}));
  EXPECT_FALSE(session->Take().has_value());
}

TEST_F(TracerTest, ShowsEachSessionWhatItAskedFor) {
  const auto all = tracer_.Start({});
  const auto of_address = tracer_.Start({.address = Ip("198.51.100.2")});
  const auto of_nic = tracer_.Start({.home = HomeIndex{2}});
  const auto of_verdict = tracer_.Start({.verdicts = 1U << SH_IN_SUPPRESS});
  Send(1, SH_OUT_PASS);
  Send(1, SH_OUT_STEER, "198.51.100.2");
  Send(2, SH_OUT_CARRIED);
  Send(1, SH_IN_SUPPRESS);
  EXPECT_THAT(TakeAll(*all),
              ::testing::ElementsAre("out_pass", "out_steer", "out_carried", "in_suppress"));
  EXPECT_THAT(TakeAll(*of_address), ::testing::ElementsAre("out_steer"));
  EXPECT_THAT(TakeAll(*of_nic), ::testing::ElementsAre("out_carried"));
  EXPECT_THAT(TakeAll(*of_verdict), ::testing::ElementsAre("in_suppress"));
}

TEST_F(TracerTest, AsksTheProgramsForNoMoreThanAllSessionsWant) {
  const TraceFilter one{.address = Ip("198.51.100.1"), .home = HomeIndex{1}, .verdicts = 2};
  const TraceFilter two{.address = Ip("198.51.100.1"), .home = HomeIndex{2}, .verdicts = 4};
  auto first = tracer_.Start(one);
  EXPECT_EQ(applied_.back(), one);
  auto second = tracer_.Start(two);
  EXPECT_EQ(applied_.back(), (TraceFilter{.address = Ip("198.51.100.1"), .verdicts = 6}));
  first.reset();
  EXPECT_EQ(applied_.back(), two);
  EXPECT_TRUE(tracer_.active());
  second.reset();
  EXPECT_EQ(applied_.back(), std::nullopt);
  EXPECT_FALSE(tracer_.active());
}

TEST_F(TracerTest, LeavesTheProgramsAloneAfterTheStop) {
  auto session = tracer_.Start({});
  tracer_.Stop();
  session.reset();
  EXPECT_EQ(applied_.size(), 1U);
}

TEST_F(TracerTest, SaysHowManyPacketsTheProgramsLeftOut) {
  tracer_.OnMissed(5);  // before anybody traced
  const auto session = tracer_.Start({});
  tracer_.OnMissed(5);
  EXPECT_FALSE(session->Take().has_value());
  tracer_.OnMissed(7);
  const std::optional<Event> missed = session->Take();
  ASSERT_TRUE(missed.has_value());
  EXPECT_EQ(missed->event, "missed");
  EXPECT_EQ(missed->more["packets"], 2);
  EXPECT_FALSE(session->Take().has_value());
}

TEST_F(TracerTest, KeepsTheLastPacketsOfASessionThatDoesNotRead) {
  const auto session = tracer_.Start({});
  for (int i = 0; i < 4100; ++i) {
    Send(1, SH_OUT_PASS);
  }
  EXPECT_EQ(session->Take()->more["packets"], 4);
  EXPECT_EQ(TakeAll(*session).size(), 4096U);
}

}  // namespace
}  // namespace stronghost
