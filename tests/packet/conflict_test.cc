// guard and deliver: another host claims one of our addresses.
#include <algorithm>

#include "tests/lib/await.h"
#include "tests/packet/program_fixture.h"
#include "tests/packet/test_frames.h"

namespace stronghost::packet {
namespace {

constexpr MacAddress kIntruder = {{0x02, 0x00, 0x5e, 0x66, 0x00, 0x06}};
constexpr uint64_t kSecond = 1'000'000'000;

struct Where {
  Program program;
  Family family;
};

class ConflictTest : public ProgramFixture, public testing::WithParamInterface<Where> {
 protected:
  Outcome Arrive(const Nic& nic, const Bytes& frame) { return Run(GetParam().program, nic, frame); }
  [[nodiscard]] bool v4() const { return GetParam().family == Family::kV4; }
  [[nodiscard]] const IpAddress& Own(const Nic& nic) const {
    return nic.Address(GetParam().family);
  }
  [[nodiscard]] IpAddress Someone() const { return Client(GetParam().family); }
  // As if the home's last conflict had been reported so long ago.
  void LetPass(const Nic& home, uint64_t nanoseconds) {
    ChangeHome(home.home, [&](sh_home& h) {
      h.conflict_ns = static_cast<uint64_t>(lab::MonotonicNow()) - nanoseconds;
    });
  }
  void ExpectNoEvent(const Nic& nic, const Bytes& frame) {
    Arrive(nic, frame);
    EXPECT_TRUE(TakeEvents().empty());
  }
};
std::string WhereName(const testing::TestParamInfo<Where>& info) {
  return std::string(info.param.program == Program::kGuard ? "Guard" : "Deliver") +
         (info.param.family == Family::kV4 ? "V4" : "V6");
}
INSTANTIATE_TEST_SUITE_P(, ConflictTest,
                         testing::Values(Where{Program::kDeliver, Family::kV4},
                                         Where{Program::kDeliver, Family::kV6},
                                         Where{Program::kGuard, Family::kV4},
                                         Where{Program::kGuard, Family::kV6}),
                         WhereName);

class LinkLocalConflictTest : public ProgramFixture {};

TEST_P(ConflictTest, ReportsWhoClaimsWhatAndWhere) {
  const Bytes frame = Announcement(kIntruder, Own(h0_));
  const int64_t before = lab::MonotonicNow();
  Arrive(h0_, frame);
  const int64_t after = lab::MonotonicNow();
  const std::vector<sh_event> events = TakeEvents();
  ASSERT_EQ(events.size(), 1U);
  const sh_event& event = events[0];
  EXPECT_EQ(event.type, SH_EVENT_CONFLICT);
  EXPECT_EQ(event.home, h0_.home);
  EXPECT_EQ(event.ifindex, h0_.ifindex);
  EXPECT_EQ(event.to, 0U);
  EXPECT_EQ(IpAddress::FromBytes16(event.ip.bytes), Own(h0_));
  EXPECT_TRUE(std::equal(kIntruder.bytes.begin(), kIntruder.bytes.end(), event.mac.bytes));
  EXPECT_GE(event.time_ns, static_cast<uint64_t>(before));
  EXPECT_LE(event.time_ns, static_cast<uint64_t>(after));
}

TEST_P(ConflictTest, SeesEveryKindOfClaim) {
  std::vector<Bytes> claims = {AddressReply(kIntruder, Own(h0_), h0_.mac, Own(h0_)),
                               AddressReply(kIntruder, Own(h0_), kClientMac, Someone()),
                               Announcement(kIntruder, Own(h0_))};
  if (v4()) {
    claims.push_back(lab::ArpRequest(kIntruder, h0_.v4, Someone()));
    claims.push_back(lab::ArpRequest(kIntruder, h0_.v4, h1_.v4));
    // Our own Ethernet source, forged: the ARP packet counts.
    claims.push_back(WithSource(lab::ArpReply(kIntruder, h0_.v4, h0_.mac, h0_.v4), h1_.mac));
  }
  for (const Bytes& claim : claims) {
    LetPass(h0_, 2 * kSecond);
    Arrive(h0_, claim);
    EXPECT_EQ(TakeEvents().size(), 1U);
  }
}

TEST_P(ConflictTest, SeesItOnEveryNicOfTheHost) {
  // Also where the frame itself is dropped, and in another group.
  SetPath(h0_, h2_);
  for (const Nic* nic : {&h0_, &h1_, &h2_, &b0_}) {
    LetPass(h0_, 2 * kSecond);
    Arrive(*nic, AddressReply(kIntruder, Own(h0_), nic->mac, Own(h0_)));
    const std::vector<sh_event> events = TakeEvents();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].home, h0_.home);
    EXPECT_EQ(events[0].ifindex, nic->ifindex);
  }
}

TEST_P(ConflictTest, IsReportedOncePerSecondAndHome) {
  const Bytes claim = Announcement(kIntruder, Own(h0_));
  for (int i = 0; i < 100; ++i) {
    Arrive(h0_, claim);
    Arrive(h1_, Announcement(kIntruder, Own(h1_)));
  }
  std::vector<sh_event> events = TakeEvents();
  // The loop may take longer than the second it is about.
  ASSERT_GE(events.size(), 2U);
  for (size_t i = 0; i < events.size(); ++i) {
    for (size_t j = i + 1; j < events.size(); ++j) {
      EXPECT_TRUE(events[i].home != events[j].home ||
                  events[j].time_ns - events[i].time_ns >= kSecond);
    }
  }
  LetPass(h0_, kSecond / 10);
  Arrive(h0_, claim);
  EXPECT_TRUE(TakeEvents().empty());
  LetPass(h0_, kSecond);
  Arrive(h0_, claim);
  EXPECT_EQ(TakeEvents().size(), 1U);
}

TEST_P(ConflictTest, OurOwnNicsNeverConflict) {
  for (const Nic* nic : {&h0_, &h1_, &h2_}) {
    for (const Nic* sender : {&h0_, &h1_, &h2_}) {
      if (sender == nic) {
        continue;  // no switch sends that back
      }
      ExpectNoEvent(*nic, Announcement(sender->mac, Own(*sender)));
      ExpectNoEvent(*nic, Announcement(sender->mac, Own(h0_)));
      ExpectNoEvent(*nic, AddressReply(sender->mac, Own(h0_), nic->mac, Own(*nic)));
      ExpectNoEvent(*nic, AddressReply(sender->mac, Own(h0_), kClientMac, Someone()));
    }
  }
}

TEST_P(ConflictTest, OthersAddressesAndQuestionsAreNoClaims) {
  ExpectNoEvent(h0_, Announcement(kIntruder, Someone()));
  ExpectNoEvent(h0_, AddressRequest(kIntruder, Someone(), Own(h0_)));
  ExpectNoEvent(h0_, AddressReply(kIntruder, Someone(), h0_.mac, Own(h0_)));
  // A probe for our address is answered, not reported (RFC 5227, RFC 4862).
  ExpectNoEvent(h0_, AddressRequest(kIntruder, v4() ? Ip("0.0.0.0") : Ip("::"), Own(h0_)));
  // An IP packet with our source address is not the business of ARP.
  ExpectNoEvent(h0_, Datagram(kIntruder, Own(h0_), h0_.mac, Own(h0_)));
}

TEST_P(ConflictTest, AMacOfOursOnTheNicThatSendsUnderItIsSomebodyElses) {
  SetPath(h1_, h2_);
  for (const auto& [home, nic] : {std::pair(&h0_, &h0_), std::pair(&h1_, &h2_)}) {
    const Bytes frame = Announcement(home->mac, Someone());
    const bool guard = GetParam().program == Program::kGuard;
    EXPECT_EQ(Arrive(*nic, frame), guard ? XdpDropped(frame, nic->home, SH_IN_ECHO)
                                         : Dropped(frame, nic->home, SH_IN_ECHO));
    Arrive(*nic, frame);
    const std::vector<sh_event> events = TakeEvents();
    ASSERT_EQ(events.size(), 1U) << "one a second";
    EXPECT_EQ(events[0].type, SH_EVENT_MAC_CONFLICT);
    EXPECT_EQ(events[0].home, home->home);
    EXPECT_EQ(events[0].ifindex, nic->ifindex);
    EXPECT_TRUE(std::equal(home->mac.bytes.begin(), home->mac.bytes.end(), events[0].mac.bytes));
  }
}

// A drained NIC hears what its stand-in sends for it.
TEST_P(ConflictTest, AMacOfOursOnEveryOtherNicIsAnEcho) {
  SetPath(h0_, h2_);
  ExpectNoEvent(h0_, Announcement(h0_.mac, Someone()));
  ExpectNoEvent(h1_, Announcement(h0_.mac, Someone()));
  ExpectNoEvent(b0_, Announcement(h0_.mac, Someone()));  // another segment's
}

TEST_P(ConflictTest, AHomeThatIsGoneHasNoConflict) {
  SetAddress(Own(h1_), 0, SH_HOMES_MAX);
  ExpectNoEvent(h0_, Announcement(kIntruder, Own(h1_)));
}

TEST_P(ConflictTest, TheFrameGoesItsWayAllTheSame) {
  const bool guard = GetParam().program == Program::kGuard;
  const Bytes claim = AddressReply(kIntruder, Own(h0_), h0_.mac, Own(h0_));
  EXPECT_EQ(Arrive(h0_, claim), guard ? XdpPassed(claim) : Passed(claim, h0_.home, SH_IN_PASS));
  const Bytes foreign = WithDestination(claim, h1_.mac);
  EXPECT_EQ(Arrive(h1_, foreign), guard ? XdpDropped(foreign, h1_.home, SH_IN_FOREIGN)
                                        : Dropped(foreign, h1_.home, SH_IN_FOREIGN));
}

TEST_P(ConflictTest, AFullRingLosesEventsOnly) {
  const Bytes claim = AddressReply(kIntruder, Own(h0_), h0_.mac, Own(h0_));
  constexpr int kMore = SH_EVENTS_BYTES / static_cast<int>(sizeof(sh_event)) + 10;
  const Outcome expected = GetParam().program == Program::kGuard
                               ? XdpPassed(claim)
                               : Passed(claim, h0_.home, SH_IN_PASS);
  for (int i = 0; i < kMore; ++i) {
    LetPass(h0_, 2 * kSecond);
    ASSERT_EQ(Arrive(h0_, claim), expected);
  }
  const size_t events = TakeEvents().size();
  EXPECT_GT(events, 1000U);
  EXPECT_LT(events, static_cast<size_t>(kMore));
}

TEST_F(LinkLocalConflictTest, IsAboutTheMemberThatOwnsTheAddress) {
  for (const Program program : {Program::kDeliver, Program::kGuard}) {
    ChangeHome(h1_.home, [](sh_home& home) { home.conflict_ns = 0; });
    Run(program, h1_, Announcement(kIntruder, h1_.link_local));
    const std::vector<sh_event> events = TakeEvents();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].home, h1_.home);
    EXPECT_EQ(IpAddress::FromBytes16(events[0].ip.bytes), h1_.link_local);
  }
}

TEST_F(LinkLocalConflictTest, RepetitionAmongMembersAndUnknownAddressesAreNone) {
  for (const Program program : {Program::kDeliver, Program::kGuard}) {
    Run(program, h1_, AddressReply(h2_.mac, h2_.link_local, h1_.mac, h1_.link_local));
    Run(program, h1_, Announcement(kIntruder, Ip("fe80::99")));
    Run(program, b0_, Announcement(kIntruder, h1_.link_local));  // another segment's own
    EXPECT_TRUE(TakeEvents().empty());
  }
}

}  // namespace
}  // namespace stronghost::packet
