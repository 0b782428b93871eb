// Prefixes on the way in: what is sent to, or asks for, an address that nobody owns but a prefix
// does. The way out is in steer_test.cc.
#include "tests/packet/program_fixture.h"
#include "tests/packet/test_frames.h"

namespace stronghost::packet {
namespace {

using lab::kBroadcastMac;

class PrefixTest : public ProgramFixture, public testing::WithParamInterface<Family> {
 protected:
  // An AnyIP range or the containers of h0, with a narrower one of h2 in it.
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(ProgramFixture::SetUp());
    const bool v4 = GetParam() == Family::kV4;
    any_ = v4 ? Ip("203.0.113.65") : Ip("2001:db8:c:1::5");
    narrow_ = v4 ? Ip("203.0.113.70") : Ip("2001:db8:c:1:8000::5");
    ASSERT_TRUE(
        programs()
            .SetPrefix(*IpPrefix::Parse(v4 ? "203.0.113.64/28" : "2001:db8:c:1::/64"), h0_.home)
            .ok());
    ASSERT_TRUE(programs()
                    .SetPrefix(*IpPrefix::Parse(v4 ? "203.0.113.68/30" : "2001:db8:c:1:8000::/65"),
                               h2_.home)
                    .ok());
    Announce(true);
  }
  // What the agent says in slot 0.
  void Announce(bool prefixes) {
    ChangeHome(SH_HOME_NONE,
               [prefixes](sh_home& globals) { globals.flags = prefixes ? SH_GLOBAL_PREFIXES : 0; });
  }
  [[nodiscard]] Bytes ToMacOf(const Nic& nic, const IpAddress& address) const {
    return Datagram(kClientMac, Client(GetParam()), nic.mac, address);
  }
  [[nodiscard]] Bytes Request(const IpAddress& address) const {
    return AddressRequest(kClientMac, Client(GetParam()), address);
  }
  [[nodiscard]] static Mark Into(const Nic& home) { return Mark{kMarkIn, home.home, 0}; }

  IpAddress any_;
  IpAddress narrow_;
};
INSTANTIATE_TEST_SUITE_P(, PrefixTest, testing::Values(Family::kV4, Family::kV6), FamilyName);

TEST_P(PrefixTest, OneNicAnswersForAnAddress) {
  const Bytes request = Request(any_);
  EXPECT_EQ(Deliver(h0_, request), Passed(request, h0_.home, SH_IN_PASS));
  EXPECT_EQ(Guard(h0_, request), XdpPassed(request));
  for (const Nic* other : {&h1_, &h2_, &b0_}) {
    EXPECT_EQ(Deliver(*other, request), Dropped(request, other->home, SH_IN_SUPPRESS));
    EXPECT_EQ(Guard(*other, request), XdpDropped(request, other->home, SH_IN_SUPPRESS));
  }
  const Bytes longest = Request(narrow_);
  EXPECT_EQ(Deliver(h2_, longest), Passed(longest, h2_.home, SH_IN_PASS));
  EXPECT_EQ(Deliver(h0_, longest), Dropped(longest, h0_.home, SH_IN_SUPPRESS));
}

// Plain Linux: every NIC answers. So it is as long as slot 0 says that there are no prefixes.
TEST_P(PrefixTest, IsNotAskedWhereThereIsNone) {
  Announce(false);
  const Bytes request = Request(any_);
  const Bytes datagram = ToMacOf(h1_, any_);
  EXPECT_EQ(Deliver(h1_, request), Passed(request, h1_.home, SH_IN_PASS));
  EXPECT_EQ(Deliver(h1_, datagram), Passed(datagram, h1_.home, SH_IN_PASS));
  EXPECT_EQ(Guard(h1_, request), XdpPassed(request));
}

TEST_P(PrefixTest, PacketsAreAcceptedOnTheHomesWireOnly) {
  const Bytes own = ToMacOf(h0_, any_);
  EXPECT_EQ(Deliver(h0_, own), Passed(own, h0_.home, SH_IN_PASS));
  EXPECT_EQ(Guard(h0_, own), XdpPassed(own));
  for (const Nic* other : {&h1_, &b0_}) {
    const Bytes foreign = ToMacOf(*other, any_);
    EXPECT_EQ(Deliver(*other, foreign), Dropped(foreign, other->home, SH_IN_FOREIGN));
    EXPECT_EQ(Guard(*other, foreign), XdpDropped(foreign, other->home, SH_IN_FOREIGN));
  }
  AddFlags(h0_, SH_HOME_WEAK);
  const Bytes weak = ToMacOf(h1_, any_);
  EXPECT_EQ(Deliver(h1_, weak), Passed(weak, h1_.home, SH_IN_WEAK));
}

TEST_P(PrefixTest, TheStandInCarriesAllIntoTheHome) {
  SetPath(h0_, h1_);
  const Bytes followed = ToMacOf(h0_, any_);
  const Outcome delivered = Redirected(followed, h1_.home, SH_IN_DELIVER, Into(h0_));
  EXPECT_EQ(Deliver(h1_, followed), delivered);
  EXPECT_EQ(Deliver(h1_, ToMacOf(h1_, any_)), delivered);  // mac = "stay"
  const Bytes request = Request(any_);
  EXPECT_EQ(Deliver(h1_, request), Redirected(request, h1_.home, SH_IN_DELIVER, Into(h0_)));
  EXPECT_EQ(Guard(h1_, request), XdpPassed(request));
  // The home itself, drained or not quite dead, is silent.
  EXPECT_EQ(Deliver(h0_, request), Dropped(request, h0_.home, SH_IN_SUPPRESS));
}

TEST_P(PrefixTest, AnAddressInThePrefixKeepsItsOwnHome) {
  SetAddress(any_, 0, h1_.home);
  const Bytes frame = ToMacOf(h1_, any_);
  const Bytes request = Request(any_);
  EXPECT_EQ(Deliver(h1_, frame), Passed(frame, h1_.home, SH_IN_PASS));
  EXPECT_EQ(Deliver(h1_, request), Passed(request, h1_.home, SH_IN_PASS));
  EXPECT_EQ(Deliver(h0_, request), Dropped(request, h0_.home, SH_IN_SUPPRESS));
}

// A prefix may be the segment's own subnet; its broadcasts reach every home as ever.
TEST_P(PrefixTest, BroadcastsIntoItAreNobodys) {
  const Bytes frame = Datagram(kClientMac, Client(GetParam()), kBroadcastMac, any_);
  EXPECT_EQ(Deliver(h1_, frame), Passed(frame, h1_.home, SH_IN_PASS));
}

TEST_P(PrefixTest, WhatMacvlanChildrenAndGuestsGetIsTheirs) {
  const Bytes frame = WithDestination(ToMacOf(h1_, any_), kChildMac);
  EXPECT_EQ(Deliver(h1_, frame), Passed(frame, h1_.home, SH_IN_PASS));
}

// The kernel answers under the range's address from the NIC that was asked; steer sends the answer
// by that NIC's wire.
TEST_P(PrefixTest, TheAnswerLeavesByTheWireOfTheHomeThatWasAsked) {
  const Bytes answer = AddressReply(h0_.mac, any_, kClientMac, Client(GetParam()));
  EXPECT_EQ(Steer(h0_, answer), Passed(answer, h0_.home, SH_OUT_PASS));
  SetPath(h0_, h1_);
  EXPECT_EQ(Steer(h0_, answer),
            Redirected(answer, h0_.home, SH_OUT_STAND_IN, Mark{kMarkOut, h0_.home, 1}));
}

}  // namespace
}  // namespace stronghost::packet
