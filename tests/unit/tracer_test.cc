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
  std::unique_ptr<TraceSession> Start(const Wanted& wanted) {
    auto session = tracer_.Start(wanted);
    EXPECT_TRUE(session.ok()) << session.status();
    return session.ok() ? *std::move(session) : nullptr;
  }
  void Send(uint32_t home, sh_verdict verdict, const char* source = "198.51.100.1") {
    tracer_.OnPacket(Record(home, verdict, source), "front", home == 1 ? "eth0" : "eth1");
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
  HomeIndex home_of_eth1_{2};
  Tracer tracer_{
      [this](const std::optional<TraceFilter>& filter) { applied_.push_back(filter); },
      [this](const std::string& nic) { return nic == "eth1" ? home_of_eth1_ : HomeIndex{1}; }};
};

TEST_F(TracerTest, TellsAllOfAPacket) {
  const auto session = Start({});
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
                               {"destination_port", 1024},
                               {"vlan", nullptr}}));
  EXPECT_FALSE(session->Take().has_value());
}

TEST_F(TracerTest, ShowsEachSessionWhatItAskedFor) {
  const auto all = Start({});
  const auto of_address = Start({.address = Ip("198.51.100.2")});
  const auto of_nic = Start({.nic = "eth1"});
  const auto of_verdict = Start({.verdicts = 1U << SH_IN_SUPPRESS});
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
  auto first = Start({.address = Ip("198.51.100.1"), .nic = "eth0", .verdicts = 2});
  EXPECT_EQ(applied_.back(), one);
  auto second = Start({.address = Ip("198.51.100.1"), .nic = "eth1", .verdicts = 4});
  EXPECT_EQ(applied_.back(), (TraceFilter{.address = Ip("198.51.100.1"), .verdicts = 6}));
  first.reset();
  EXPECT_EQ(applied_.back(), two);
  EXPECT_TRUE(tracer_.active());
  second.reset();
  EXPECT_EQ(applied_.back(), std::nullopt);
  EXPECT_FALSE(tracer_.active());
}

TEST_F(TracerTest, FollowsANicThatBecomesAnotherHome) {
  const auto session = Start({.nic = "eth1"});
  EXPECT_EQ(applied_.back()->home, HomeIndex{2});
  tracer_.Refresh();
  EXPECT_EQ(applied_.size(), 1U);
  home_of_eth1_ = HomeIndex{3};
  tracer_.Refresh();
  EXPECT_EQ(applied_.back()->home, HomeIndex{3});
  Send(3, SH_OUT_PASS);
  EXPECT_EQ(TakeAll(*session).size(), 1U);
}

TEST_F(TracerTest, EndsTheTracingWithTheStopAndLeavesTheProgramsAloneAfterIt) {
  auto session = Start({});
  tracer_.Stop();
  EXPECT_EQ(applied_.back(), std::nullopt);
  session.reset();
  tracer_.Stop();
  EXPECT_EQ(applied_.size(), 2U);
}

TEST_F(TracerTest, RefusesTheNinthSessionUntilOneEnds) {
  std::vector<std::unique_ptr<TraceSession>> sessions;
  for (int i = 0; i < 8; ++i) {
    sessions.push_back(Start({}));
  }
  const auto ninth = tracer_.Start({});
  EXPECT_TRUE(absl::IsFailedPrecondition(ninth.status())) << ninth.status();
  sessions.pop_back();
  EXPECT_TRUE(tracer_.Start({}).ok());
}

TEST_F(TracerTest, NamesAVlanAndShowsNoVerdictThatThereIsNot) {
  const auto session = Start({});
  sh_trace_record record = Record(1, SH_OUT_UNTOUCHED, "198.51.100.1");
  record.vlan = 5;
  tracer_.OnPacket(record, "front", "eth0");
  const std::optional<Event> event = session->Take();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->more["vlan"], 5);
  EXPECT_EQ(event->detail, "198.51.100.1:53 > 198.51.100.9:1024 UDP, 1514 bytes, VLAN 5");
  record.verdict = 77;
  tracer_.OnPacket(record, "front", "eth0");
  EXPECT_FALSE(session->Take().has_value());
}

TEST_F(TracerTest, SaysHowManyPacketsTheProgramsLeftOut) {
  tracer_.OnMissed(5);  // before anybody traced
  const auto session = Start({});
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
  const auto session = Start({});
  for (int i = 0; i < 4100; ++i) {
    Send(1, SH_OUT_PASS);
  }
  EXPECT_EQ(session->Take()->more["packets"], 4);
  EXPECT_EQ(TakeAll(*session).size(), 4096U);
}

}  // namespace
}  // namespace stronghost
