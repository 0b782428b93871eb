// Announcement frames against the bytes of the standards and against a parser of their own; the
// schedule against its written limits, by table and by random flips.
#include <netinet/in.h>

#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/act/announce_frames.h"
#include "agent/act/announce_schedule.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lib/checksum.h"
#include "tests/lib/frame.h"

namespace stronghost {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr MacAddress kHomeMac{{0x02, 0, 0, 0, 0, 0x10}};
constexpr MacAddress kOtherMac{{0x02, 0, 0, 0, 0, 0x11}};
constexpr HomeIndex kHome{1};
constexpr IfIndex kWire{7};
constexpr IfIndex kOtherWire{8};

IpAddress Ip(absl::string_view text) {
  return IpAddress::Parse(text).value();
}
std::string Hex(const Frame& frame) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(frame.data()), frame.size()));
}
std::string Zeros(size_t bytes) {
  return std::string(2 * bytes, '0');
}

TEST(AnnounceFramesTest, LearningFrameIsABroadcastRarpRequestOfTheHome) {
  EXPECT_EQ(Hex(LearningFrame(kHomeMac)),
            absl::StrCat("ffffffffffff", "020000000010", "8035",  //
                         "0001", "0800", "06", "04", "0003",      //
                         "020000000010", "00000000", "020000000010", "00000000", Zeros(18)));
}

TEST(AnnounceFramesTest, ArpAnnouncementIsARequestForItself) {
  EXPECT_EQ(Hex(ArpAnnouncement(Ip("198.51.100.1"), kHomeMac)),
            absl::StrCat("ffffffffffff", "020000000010", "0806",  //
                         "0001", "0800", "06", "04", "0001",      //
                         "020000000010", "c6336401", "000000000000", "c6336401", Zeros(18)));
}

TEST(AnnounceFramesTest, UnsolicitedNaOverridesAndIsNotSolicited) {
  for (const bool router : {false, true}) {
    const Frame bytes = UnsolicitedNa(Ip("2001:db8::1"), kHomeMac, router);
    const lab::Frame frame = lab::ParseFrame(bytes);
    EXPECT_EQ(frame.destination.ToString(), "33:33:00:00:00:01");
    EXPECT_EQ(frame.source, kHomeMac);
    ASSERT_TRUE(frame.ip.has_value() && frame.neighbor.has_value());
    EXPECT_EQ(frame.ip->source, Ip("2001:db8::1"));
    EXPECT_EQ(frame.ip->destination, Ip("ff02::1"));
    EXPECT_EQ(frame.ip->ttl, 255);
    const lab::NeighborView expected{.advertisement = true,
                                     .target = Ip("2001:db8::1"),
                                     .link_layer = kHomeMac,
                                     .router = router,
                                     .solicited = false,
                                     .override_cache = true};
    EXPECT_EQ(*frame.neighbor, expected) << frame.ToString();
    EXPECT_EQ(lab::TransportChecksum(Ip("2001:db8::1"), Ip("ff02::1"), IPPROTO_ICMPV6,
                                     std::span(bytes).subspan(54)),
              0);
    EXPECT_EQ(bytes.size(), 86U);
  }
}

TEST(AnnounceFramesTest, IgmpV3ReportsShareAFrame) {
  const std::vector<Frame> frames =
      IgmpV3Reports(kHomeMac, Ip("198.51.100.1"), {Ip("224.0.0.251"), Ip("239.1.2.3")});
  ASSERT_EQ(frames.size(), 1U);
  const std::span<const uint8_t> bytes(frames[0]);
  EXPECT_EQ(lab::InternetChecksum(bytes.subspan(14, 24)), 0);
  EXPECT_EQ(lab::InternetChecksum(bytes.subspan(38, 24)), 0);
  std::string hex = Hex(frames[0]);
  hex.replace(2 * 24, 4, "....").replace(2 * 40, 4, "....");               // the checksums
  EXPECT_EQ(hex, absl::StrCat("01005e000016", "020000000010", "0800",      //
                              "46c0", "0030", "00004000", "0102", "....",  //
                              "c6336401", "e0000016", "94040000",          //
                              "2200", "....", "0000", "0002",              //
                              "02000000", "e00000fb", "02000000", "ef010203"));
}

TEST(AnnounceFramesTest, IgmpV2ReportsGoToEachGroup) {
  const std::vector<Frame> frames =
      IgmpV2Reports(kHomeMac, Ip("0.0.0.0"), {Ip("224.0.0.1"), Ip("239.129.2.3"), Ip("ff02::fb")});
  ASSERT_EQ(frames.size(), 1U);
  const std::span<const uint8_t> bytes(frames[0]);
  EXPECT_EQ(lab::InternetChecksum(bytes.subspan(14, 24)), 0);
  EXPECT_EQ(lab::InternetChecksum(bytes.subspan(38, 8)), 0);
  std::string hex = Hex(frames[0]);
  hex.replace(2 * 24, 4, "....").replace(2 * 40, 4, "....");
  EXPECT_EQ(hex, absl::StrCat("01005e010203", "020000000010", "0800",      //
                              "46c0", "0020", "00004000", "0102", "....",  //
                              "00000000", "ef810203", "94040000",          //
                              "1600", "....", "ef810203", Zeros(14)));
}

TEST(AnnounceFramesTest, MldV2ReportHasTheRouterAlertAndItsChecksum) {
  const std::vector<Frame> frames =
      MldV2Reports(kHomeMac, Ip("fe80::10"), {Ip("ff02::1:ff00:1"), Ip("ff02::1"), Ip("ff01::1")});
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(lab::TransportChecksum(Ip("fe80::10"), Ip("ff02::16"), IPPROTO_ICMPV6,
                                   std::span(frames[0]).subspan(62)),
            0);
  std::string hex = Hex(frames[0]);
  hex.replace(2 * 64, 4, "....");
  EXPECT_EQ(hex, absl::StrCat("333300000016", "020000000010", "86dd",      //
                              "60000000", "0024", "00", "01",              //
                              "fe800000000000000000000000000010",          //
                              "ff020000000000000000000000000016",          //
                              "3a00050200000100",                          //
                              "8f00", "....", "0000", "0001", "02000000",  //
                              "ff0200000000000000000001ff000001"));
}

TEST(AnnounceFramesTest, ManyGroupsAreSplitAtAnMtuThatEveryLinkHas) {
  std::vector<IpAddress> groups;
  for (uint32_t i = 0; i < 400; ++i) {
    groups.push_back(IpAddress::V4(htonl(0xef000000U + i)));
    std::string text = absl::StrCat("ff02::1:ff00:", absl::Hex(i + 1));
    groups.push_back(Ip(text));
  }
  for (const auto& [frames, record, header] :
       {std::tuple(IgmpV3Reports(kHomeMac, Ip("198.51.100.1"), groups), 8U, 46U),
        std::tuple(MldV2Reports(kHomeMac, Ip("fe80::10"), groups), 20U, 70U)}) {
    size_t records = 0;
    for (const Frame& frame : frames) {
      EXPECT_LE(frame.size(), 14U + 1280U);
      records += (frame.size() - header) / record;
    }
    EXPECT_EQ(records, 400U);
  }
  EXPECT_THAT(IgmpV3Reports(kHomeMac, Ip("198.51.100.1"), {}), IsEmpty());
}

// What a schedule sent, e.g. "1000 arp 198.51.100.1 10" (milliseconds, last byte of the MAC).
struct Sent {
  absl::Time time;
  IfIndex wire;
  lab::Frame frame;

  [[nodiscard]] bool Announces(const IpAddress& ip) const {
    return (frame.neighbor.has_value() && frame.neighbor->target == ip) ||
           (frame.IsArp(1) && frame.ether_type == 0x0806 && frame.arp->target == ip);
  }
  [[nodiscard]] std::string Text() const {
    std::string what = "report";
    if (frame.ether_type == 0x8035) {
      what = "learn";
    } else if (frame.ether_type == 0x0806) {
      what = absl::StrCat("arp ", frame.arp->target.ToString());
    } else if (frame.neighbor.has_value()) {
      what = absl::StrCat("na ", frame.neighbor->target.ToString());
    }
    return absl::StrCat(absl::ToUnixMillis(time), " ", what, " ", absl::Hex(frame.source.bytes[5]));
  }
};

class AnnounceScheduleTest : public ::testing::Test {
 protected:
  static absl::Time At(int64_t milliseconds) { return absl::FromUnixMillis(milliseconds); }

  static AnnounceJob Follow(std::vector<IpAddress> addresses = {}) {
    AnnounceJob job;
    job.home = kHome;
    job.wire = kWire;
    job.mac = kHomeMac;
    job.home_mac = kHomeMac;
    job.addresses = std::move(addresses);
    return job;
  }
  static AnnounceJob Stay(MacAddress mac, std::vector<IpAddress> addresses) {
    AnnounceJob job = Follow(std::move(addresses));
    job.wire = mac == kHomeMac ? kWire : kOtherWire;
    job.mac = mac;
    job.stay = true;
    return job;
  }

  void Turn(absl::Time now) {
    for (const DueFrame& due : schedule_.Due(now)) {
      sent_.push_back({now, due.wire, lab::ParseFrame(due.bytes)});
    }
  }
  // Serves the schedule as a loop would until `end` (exclusive).
  void RunUntil(absl::Time end) {
    absl::Time now = At(0);
    for (auto next = schedule_.NextDue(); next.has_value() && *next < end;
         next = schedule_.NextDue()) {
      now = std::max(now, *next);
      Turn(now);
    }
  }
  void RunToTheEnd() {
    RunUntil(absl::InfiniteFuture());
    EXPECT_FALSE(schedule_.NextDue().has_value());
  }
  std::vector<std::string> Texts() const {
    std::vector<std::string> texts;
    for (const Sent& sent : sent_) {
      texts.push_back(sent.Text());
    }
    return texts;
  }

  AnnounceSchedule schedule_;
  std::vector<Sent> sent_;
};

TEST_F(AnnounceScheduleTest, FollowTeachesTheSwitchAndTellsPeersNothing) {
  schedule_.Start(Follow({Ip("198.51.100.1"), Ip("2001:db8::1")}), At(0));
  RunToTheEnd();
  EXPECT_THAT(Texts(), ElementsAre("0 learn 10", "100 learn 10", "1000 learn 10"));
  EXPECT_EQ(sent_[0].wire, kWire);
}

TEST_F(AnnounceScheduleTest, FollowAnnouncesAddressesWhenAsked) {
  AnnounceJob job = Follow({Ip("198.51.100.1")});
  job.announce_addresses = true;
  schedule_.Start(job, At(0));
  RunToTheEnd();
  EXPECT_THAT(Texts(), ElementsAre("0 learn 10", "0 arp 198.51.100.1 10", "100 learn 10",
                                   "1000 learn 10", "2000 arp 198.51.100.1 10"));
}

TEST_F(AnnounceScheduleTest, StayAnnouncesWithinTheNumbersOfTheStandards) {
  schedule_.Start(Stay(kOtherMac, {Ip("2001:db8::1"), Ip("198.51.100.1")}), At(0));
  RunToTheEnd();
  EXPECT_THAT(Texts(),
              ElementsAre("0 arp 198.51.100.1 11", "0 na 2001:db8::1 11", "1000 na 2001:db8::1 11",
                          "2000 arp 198.51.100.1 11", "2000 na 2001:db8::1 11"));
  EXPECT_EQ(sent_[0].wire, kOtherWire);
}

TEST_F(AnnounceScheduleTest, DuplicateAddressesCountOnce) {
  schedule_.Start(Stay(kOtherMac, {Ip("2001:db8::1"), Ip("2001:db8::1")}), At(0));
  RunToTheEnd();
  EXPECT_EQ(sent_.size(), 3U);
}

TEST_F(AnnounceScheduleTest, ChangedMacIsAnnouncedAtOnceAndReplacesTheOldOnesRepetitions) {
  schedule_.Start(Stay(kOtherMac, {Ip("2001:db8::1")}), At(0));
  RunUntil(At(300));
  schedule_.Start(Stay(kHomeMac, {Ip("2001:db8::1")}), At(300));
  RunToTheEnd();
  EXPECT_THAT(Texts(), ElementsAre("0 na 2001:db8::1 11", "300 na 2001:db8::1 10",
                                   "1300 na 2001:db8::1 10", "2300 na 2001:db8::1 10"));
}

TEST_F(AnnounceScheduleTest, FlipBackBeforeAnythingWasSentKeepsTheDistance) {
  schedule_.Start(Stay(kHomeMac, {Ip("2001:db8::1")}), At(0));
  Turn(At(0));
  schedule_.Start(Stay(kOtherMac, {Ip("2001:db8::1")}), At(100));
  schedule_.Start(Stay(kHomeMac, {Ip("2001:db8::1")}), At(100));
  RunToTheEnd();
  EXPECT_THAT(Texts(), ElementsAre("0 na 2001:db8::1 10", "1000 na 2001:db8::1 10",
                                   "2000 na 2001:db8::1 10", "3000 na 2001:db8::1 10"));
}

TEST_F(AnnounceScheduleTest, RestartedJobGoesOnCountingAndAnnouncesOnlyNewAddresses) {
  schedule_.Start(Stay(kOtherMac, {Ip("2001:db8::1")}), At(0));
  RunUntil(At(500));
  schedule_.Start(Stay(kOtherMac, {Ip("2001:db8::1"), Ip("2001:db8::2")}), At(500));
  RunToTheEnd();
  EXPECT_THAT(Texts(), ElementsAre("0 na 2001:db8::1 11", "500 na 2001:db8::2 11",
                                   "1000 na 2001:db8::1 11", "1500 na 2001:db8::2 11",
                                   "2000 na 2001:db8::1 11", "2500 na 2001:db8::2 11"));
  sent_.clear();
  schedule_.Start(Stay(kOtherMac, {Ip("2001:db8::1")}), At(3000));
  EXPECT_FALSE(schedule_.NextDue().has_value());
  // Later it is a new event, whether or not the memory was swept meanwhile (10 s after the first
  // job, then at the other home's).
  AnnounceJob other = Stay(kHomeMac, {Ip("198.51.100.9")});
  other.home = HomeIndex{2};
  schedule_.Start(other, At(10001));
  RunUntil(At(14000));
  for (const int64_t start : {14000, 60000}) {
    sent_.clear();
    schedule_.Start(Stay(kOtherMac, {Ip("2001:db8::1")}), At(start));
    RunUntil(At(start + 9000));
    EXPECT_EQ(sent_.size(), 3U) << start;
  }
}

TEST_F(AnnounceScheduleTest, FlappingFasterThanTheLimitWaitsAtMostASecondForTheLatestMac) {
  for (int flip = 0; flip < 1000; ++flip) {
    schedule_.Start(Stay(flip % 2 == 0 ? kOtherMac : kHomeMac, {Ip("2001:db8::1")}), At(10 * flip));
    RunUntil(At(10 * flip + 10));
  }
  const size_t while_flapping = sent_.size();
  EXPECT_GE(while_flapping, 10U);
  EXPECT_LE(while_flapping, 3U + 10U);
  RunToTheEnd();
  ASSERT_EQ(sent_.size(), while_flapping + 3);
  EXPECT_LE(sent_[while_flapping].time, At(9990 + 1000));
  EXPECT_EQ(sent_.back().frame.source, kHomeMac);
}

TEST_F(AnnounceScheduleTest, RandomFlipsNeverBreakTheLimitsAndEndWithTheTruth) {
  std::mt19937 random(20240229);
  std::uniform_int_distribution<int> pause(0, 1500);
  for (const char* text : {"2001:db8::1", "198.51.100.1"}) {
    const IpAddress ip = Ip(text);
    const absl::Duration interval = ip.IsV4() ? kArpInterval : kNaInterval;
    const int burst = ip.IsV4() ? kArpCount : kNaCount;
    for (int round = 0; round < 200; ++round) {
      AnnounceSchedule fresh;
      std::swap(schedule_, fresh);
      sent_.clear();
      absl::Time now = At(0);
      MacAddress mac;
      for (int flip = 0; flip < 30; ++flip) {
        mac = random() % 2 == 0 ? kHomeMac : kOtherMac;
        schedule_.Start(Stay(mac, {ip}), now);
        now += absl::Milliseconds(round % 2 == 0 ? pause(random) : pause(random) / 20);
        RunUntil(now);
      }
      RunToTheEnd();
      ASSERT_FALSE(sent_.empty());
      EXPECT_EQ(sent_.back().frame.source, mac);
      for (size_t i = 0; i < sent_.size(); ++i) {
        if (i > 0 && sent_[i].frame.source == sent_[i - 1].frame.source) {
          EXPECT_GE(sent_[i].time - sent_[i - 1].time, interval);
        }
        for (size_t j = i; j < sent_.size(); ++j) {
          const double seconds = absl::ToDoubleSeconds(sent_[j].time - sent_[i].time);
          ASSERT_LE(static_cast<double>(j - i + 1), burst + seconds + 1e-6);
        }
      }
    }
  }
}

TEST_F(AnnounceScheduleTest, AddressThatMovedIsAnnouncedByItsNewHomeAlone) {
  schedule_.Start(Stay(kHomeMac, {Ip("198.51.100.1"), Ip("198.51.100.2")}), At(0));
  Turn(At(0));
  AnnounceJob other = Stay(kOtherMac, {Ip("198.51.100.1")});
  other.home = HomeIndex{2};
  schedule_.Start(other, At(100));
  sent_.clear();
  RunToTheEnd();
  EXPECT_THAT(Texts(), ElementsAre("100 arp 198.51.100.1 11", "2000 arp 198.51.100.2 10",
                                   "2100 arp 198.51.100.1 11"));
}

TEST_F(AnnounceScheduleTest, EqualLinkLocalAddressesOfTwoHomesAreTwo) {
  AnnounceJob other = Stay(kOtherMac, {Ip("fe80::1")});
  other.home = HomeIndex{2};
  schedule_.Start(Stay(kHomeMac, {Ip("fe80::1")}), At(0));
  schedule_.Start(other, At(0));
  RunToTheEnd();
  EXPECT_EQ(sent_.size(), 6U);
}

TEST_F(AnnounceScheduleTest, TenThousandAddressesArePacedAndFirstOnesGoFirst) {
  std::vector<IpAddress> addresses;
  for (uint32_t i = 0; i < 10000; ++i) {
    addresses.push_back(IpAddress::V4(htonl(0xc6120000U + i)));
  }
  schedule_.Start(Stay(kOtherMac, addresses), At(0));
  std::vector<size_t> turns;
  for (absl::Time now = At(0); schedule_.NextDue().has_value(); now = *schedule_.NextDue()) {
    const size_t before = sent_.size();
    Turn(now);
    turns.push_back(sent_.size() - before);
    ASSERT_LE(turns.back(), kFramesPerTurn);
    EXPECT_THAT(schedule_.Due(now), IsEmpty()) << "a second turn at once is no way round";
    if (turns.size() == 3) {  // a home of which peers wait for the switch doesn't queue up
      AnnounceJob other = Follow();
      other.home = HomeIndex{2};
      other.wire = kOtherWire;
      schedule_.Start(other, now);
      Turn(now);
      ASSERT_EQ(sent_.back().frame.ether_type, 0x8035);
    }
  }
  std::map<IpAddress, int> count;
  for (const Sent& sent : sent_) {
    if (sent.frame.ether_type == 0x0806) {
      ++count[sent.frame.arp->target];
    }
  }
  EXPECT_EQ(count.size(), 10000U);
  for (const auto& [ip, times] : count) {
    ASSERT_EQ(times, 2) << ip.ToString();
  }
  EXPECT_LE(sent_[10000].time, At(100)) << "all were announced once within 100 ms";
  EXPECT_EQ(sent_[256].time, At(2));
}

TEST_F(AnnounceScheduleTest, BacklogOfFirstAnnouncementsGoesBeforeDueRepetitions) {
  schedule_.Start(Stay(kOtherMac, {Ip("2001:db8::1")}), At(0));
  Turn(At(0));
  std::vector<IpAddress> addresses;
  for (uint32_t i = 0; i < 300; ++i) {
    addresses.push_back(IpAddress::V4(htonl(0xc6120000U + i)));
  }
  AnnounceJob other = Stay(kOtherMac, addresses);
  other.home = HomeIndex{2};
  schedule_.Start(other, At(1000));
  sent_.clear();
  Turn(At(1000));
  ASSERT_EQ(sent_.size(), kFramesPerTurn);
  Turn(At(1002));
  ASSERT_EQ(sent_.size(), 301U);
  EXPECT_EQ(sent_.back().Text(), "1002 na 2001:db8::1 11");
}

TEST_F(AnnounceScheduleTest, CancelledJobSendsNothingMore) {
  schedule_.Start(Stay(kOtherMac, {Ip("2001:db8::1")}), At(0));
  Turn(At(0));
  schedule_.Cancel(kHome);
  EXPECT_FALSE(schedule_.NextDue().has_value());
  EXPECT_THAT(schedule_.Due(At(5000)), IsEmpty());
}

TEST_F(AnnounceScheduleTest, MembershipsAreReportedAtOnceAndOnceMore) {
  AnnounceJob job = Follow({Ip("2001:db8::1"), Ip("fe80::10"), Ip("198.51.100.1")});
  job.groups = {Ip("224.0.0.1"), Ip("239.1.2.3"), Ip("239.1.2.4"), Ip("ff02::1:ff00:1")};
  for (const auto& [version, frames] : {std::pair(3, 1U), std::pair(2, 2U)}) {
    job.igmp_version = version;
    sent_.clear();
    schedule_.Start(job, At(0));
    RunToTheEnd();
    std::map<int64_t, std::vector<IpAddress>> sources;
    for (const Sent& sent : sent_) {
      if (sent.frame.ip.has_value()) {
        sources[absl::ToUnixMillis(sent.time)].push_back(sent.frame.ip->source);
      }
    }
    std::vector<IpAddress> expected(frames, Ip("198.51.100.1"));
    expected.push_back(Ip("fe80::10"));
    EXPECT_THAT(sources, ElementsAre(std::pair(0, expected), std::pair(1000, expected)));
    EXPECT_EQ(sent_[0].frame.ether_type, 0x8035) << "the switch first";
  }
}

}  // namespace
}  // namespace stronghost
