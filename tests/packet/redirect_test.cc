// deliver: which ICMP redirects of IPv4 reach the stack (RFC 1122 section 3.2.2.2).
#include "tests/packet/program_fixture.h"
#include "tests/packet/test_frames.h"

namespace stronghost::packet {
namespace {

using lab::BuildFrame;
using lab::Ethernet;
using lab::FragmentFrame;
using lab::Icmp;
using lab::Ipv4;
using lab::Payload;
using lab::Redirect;
using lab::RedirectFrame;

class RedirectTest : public ProgramFixture {
 protected:
  // From the first hop, about a packet of h0's address, to another gateway of its /24.
  [[nodiscard]] Redirect Good() const {
    return {.link = Ethernet{h0_.mac, kClientMac},
            .from = Ip("198.51.100.254"),
            .to = h0_.v4,
            .source = h0_.v4,
            .destination = Ip("192.0.2.9"),
            .gateway = Ip("198.51.100.253")};
  }
  [[nodiscard]] Redirect To(const char* gateway) const {
    Redirect redirect = Good();
    redirect.gateway = Ip(gateway);
    return redirect;
  }
  void ExpectPassed(const Bytes& frame) {
    EXPECT_EQ(Deliver(h0_, frame), Passed(frame, h0_.home, SH_IN_PASS));
  }
  void ExpectDropped(const Bytes& frame) {
    EXPECT_EQ(Deliver(h0_, frame), Dropped(frame, h0_.home, SH_IN_REDIRECT));
  }
};

TEST_F(RedirectTest, OneToAGatewayOfTheAddressesNetworkPasses) {
  ExpectPassed(RedirectFrame(Good()));
  ExpectPassed(RedirectFrame(To("198.51.100.0")));
  ExpectPassed(RedirectFrame(To("198.51.100.255")));
}

TEST_F(RedirectTest, OneToAnotherNetworkIsDropped) {
  for (const char* gateway : {"203.0.113.99", "198.51.99.255", "198.51.101.0", "0.0.0.0"}) {
    ExpectDropped(RedirectFrame(To(gateway)));
  }
}

TEST_F(RedirectTest, EachAddressHasItsOwnLength) {
  const auto expect_edges = [this](uint8_t network, const char* first, const char* last,
                                   const char* before, const char* behind) {
    SetAddress(h0_.v4, 0, h0_.home, network);
    ExpectPassed(RedirectFrame(To(first)));
    ExpectPassed(RedirectFrame(To(last)));
    ExpectDropped(RedirectFrame(To(before)));
    ExpectDropped(RedirectFrame(To(behind)));
  };
  expect_edges(32, "198.51.100.1", "198.51.100.1", "198.51.100.0", "198.51.100.2");
  expect_edges(31, "198.51.100.0", "198.51.100.1", "198.51.99.255", "198.51.100.2");
  expect_edges(20, "198.51.96.0", "198.51.111.255", "198.51.95.255", "198.51.112.0");
  expect_edges(1, "128.0.0.0", "255.255.255.255", "0.0.0.0", "127.255.255.255");
}

TEST_F(RedirectTest, OneAboutAnotherAddressesPacketIsDropped) {
  Redirect redirect = Good();
  for (const IpAddress& source : {h1_.v4, b0_.v4, Ip("192.0.2.77")}) {
    redirect.source = source;
    ExpectDropped(RedirectFrame(redirect));
  }
}

TEST_F(RedirectTest, OptionsOfTheIpHeaderHideNothing) {
  for (const size_t options : {4U, 40U}) {
    for (const bool good : {true, false}) {
      Bytes inner = RedirectFrame(good ? Good() : To("203.0.113.99"));
      inner.erase(inner.begin(), inner.begin() + 14 + 20);
      const Bytes frame = BuildFrame({Ethernet{h0_.mac, kClientMac},
                                      Ipv4{.source = Ip("198.51.100.254"),
                                           .destination = h0_.v4,
                                           .options = Bytes(options, 1),
                                           .protocol = 1},
                                      Payload{inner}});
      if (good) {
        ExpectPassed(frame);
      } else {
        ExpectDropped(frame);
      }
    }
  }
}

// A first fragment that ends before the packet that it is about: nobody sends such a thing
// honestly.
TEST_F(RedirectTest, FragmentsHideNothing) {
  const auto fragments = FragmentFrame(RedirectFrame(Good()), 8, 7);
  ASSERT_GT(fragments.size(), 2U);
  ExpectDropped(fragments[0]);
  for (size_t i = 1; i < fragments.size(); ++i) {
    ExpectPassed(fragments[i]);  // without their first one they come to nothing
  }
  // Bytes that would be a redirect, in the middle of something else.
  Bytes middle = RedirectFrame(To("203.0.113.99"));
  middle.erase(middle.begin(), middle.begin() + 14 + 20);
  ExpectPassed(BuildFrame({Ethernet{h0_.mac, kClientMac},
                           Ipv4{.source = Ip("198.51.100.254"),
                                .destination = h0_.v4,
                                .fragment_offset = 10,
                                .protocol = 1},
                           Payload{middle}}));
}

TEST_F(RedirectTest, OneThatIsCutOffIsDropped) {
  const Bytes whole = RedirectFrame(Good());
  for (const size_t length : {size_t{14 + 20 + 1}, size_t{14 + 20 + 8}, size_t{14 + 20 + 8 + 19}}) {
    ExpectDropped(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
  }
  ExpectPassed(Bytes(whole.begin(), whole.begin() + 14 + 20 + 8 + 20));
}

TEST_F(RedirectTest, OtherIcmpIsNoRedirect) {
  for (const int type : {0, 3, 4, 6, 8, 11, 12}) {
    ExpectPassed(BuildFrame(
        {Ethernet{h0_.mac, kClientMac}, Ipv4{.source = Client(Family::kV4), .destination = h0_.v4},
         Icmp{.type = static_cast<uint8_t>(type), .rest = 0xcb007163}, Payload::Zeros(28)}));
  }
}

TEST_F(RedirectTest, WhatIsForNoAddressOfOursIsTheStacksToJudge) {
  Redirect redirect = To("203.0.113.99");
  redirect.to = redirect.source = Ip("192.0.2.77");
  ExpectPassed(RedirectFrame(redirect));
  // Nor is there an opinion where the network is not known.
  SetAddress(h0_.v4, 0, h0_.home, 0);
  ExpectPassed(RedirectFrame(To("203.0.113.99")));
}

// Where the guard has let it pass, and where a stand-in carries it.
TEST_F(RedirectTest, NoWayInIsLeftOut) {
  const Bytes bad = RedirectFrame(To("203.0.113.99"));
  SetNicFlags(h0_, SH_NIC_XDP_NATIVE);
  ExpectDropped(bad);
  SetNicFlags(h0_, 0);
  SetPath(h0_, h1_);
  EXPECT_EQ(Deliver(h1_, bad), Dropped(bad, h1_.home, SH_IN_REDIRECT));
  const Bytes good = RedirectFrame(Good());
  EXPECT_EQ(Deliver(h1_, good),
            Redirected(good, h1_.home, SH_IN_DELIVER, Mark{kMarkIn, h0_.home, 0}));
}

}  // namespace
}  // namespace stronghost::packet
