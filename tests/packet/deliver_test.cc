// deliver: what becomes of a frame that arrives on a NIC.
#include "tests/packet/program_fixture.h"
#include "tests/packet/test_frames.h"

namespace stronghost::packet {
namespace {

using lab::BuildFrame;
using lab::Ethernet;
using lab::Ipv4;
using lab::Ipv6;
using lab::kBroadcastMac;
using lab::MulticastMac;
using lab::Payload;
using lab::Udp;

class DeliverTest : public ProgramFixture, public testing::WithParamInterface<Family> {
 protected:
  // What the client sends to an address, with the MAC of `nic`.
  [[nodiscard]] Bytes ToMacOf(const Nic& nic, const IpAddress& address) const {
    return Datagram(kClientMac, Client(GetParam()), nic.mac, address);
  }
  // The client asks for the MAC of `owner`'s address.
  [[nodiscard]] Bytes RequestFor(const Nic& owner) const {
    return AddressRequest(kClientMac, Client(GetParam()), Own(owner));
  }
  [[nodiscard]] const IpAddress& Own(const Nic& nic) const { return nic.Address(GetParam()); }
  [[nodiscard]] IpAddress Unowned() const {
    return GetParam() == Family::kV4 ? Ip("192.0.2.9") : Ip("2001:db8:9::9");
  }
  [[nodiscard]] static Mark Into(const Nic& home) { return Mark{kMarkIn, home.home, 0}; }
};
INSTANTIATE_TEST_SUITE_P(, DeliverTest, testing::Values(Family::kV4, Family::kV6), FamilyName);

TEST_P(DeliverTest, PassesWhatIsForItsOwnAddress) {
  const Bytes frames[] = {ToMacOf(h0_, Own(h0_)), RequestFor(h0_),
                          UnicastRequest(kClientMac, Client(GetParam()), h0_.mac, Own(h0_)),
                          AddressReply(kClientMac, Client(GetParam()), h0_.mac, Own(h0_))};
  for (const Bytes& frame : frames) {
    EXPECT_EQ(Deliver(h0_, frame), Passed(frame, h0_.home, SH_IN_PASS));
  }
}

TEST_P(DeliverTest, StandInCarriesFramesIntoTheHome) {
  SetPath(h0_, h1_);
  const Bytes followed = ToMacOf(h0_, Own(h0_));
  const Bytes stayed = ToMacOf(h1_, Own(h0_));
  const Outcome delivered = Redirected(followed, h1_.home, SH_IN_DELIVER, Into(h0_));
  EXPECT_EQ(Deliver(h1_, followed), delivered);
  EXPECT_EQ(Deliver(h1_, stayed), delivered);  // the home finds its own MAC
}

TEST_P(DeliverTest, StandInCarriesRequestsIntoTheHome) {
  SetPath(h0_, h1_);
  const Bytes request = RequestFor(h0_);
  EXPECT_EQ(Deliver(h1_, request), Redirected(request, h1_.home, SH_IN_DELIVER, Into(h0_)));
  const Bytes reply = AddressReply(kClientMac, Client(GetParam()), h1_.mac, Own(h0_));
  EXPECT_EQ(Deliver(h1_, reply),
            Redirected(WithDestination(reply, h0_.mac), h1_.home, SH_IN_DELIVER, Into(h0_)));
}

TEST_P(DeliverTest, StandInGoesOnServingItself) {
  SetPath(h0_, h1_);
  for (const Bytes& frame : {ToMacOf(h1_, Own(h1_)), RequestFor(h1_)}) {
    EXPECT_EQ(Deliver(h1_, frame), Passed(frame, h1_.home, SH_IN_PASS));
  }
}

TEST_P(DeliverTest, UnownedUnicastIsOfTheMemberWhoseMacItBears) {
  // Containers behind h0, served by h1 meanwhile.
  SetPath(h0_, h1_);
  const Bytes frame = ToMacOf(h0_, Unowned());
  EXPECT_EQ(Deliver(h1_, frame), Redirected(frame, h1_.home, SH_IN_DELIVER, Into(h0_)));
  const Bytes own = ToMacOf(h1_, Unowned());
  EXPECT_EQ(Deliver(h1_, own), Passed(own, h1_.home, SH_IN_PASS));
}

TEST_P(DeliverTest, OnlyTheWireAnswersRequests) {
  const Bytes requests[] = {RequestFor(h0_),
                            UnicastRequest(kClientMac, Client(GetParam()), h0_.mac, Own(h0_)),
                            UnicastRequest(kClientMac, Client(GetParam()), h1_.mac, Own(h0_))};
  for (const Bytes& request : requests) {
    EXPECT_EQ(Deliver(h1_, request), Dropped(request, h1_.home, SH_IN_SUPPRESS));
  }
  // A drained home neither, and neither does another group.
  SetPath(h0_, h2_);
  EXPECT_EQ(Deliver(h0_, requests[0]), Dropped(requests[0], h0_.home, SH_IN_SUPPRESS));
  EXPECT_EQ(Deliver(b0_, requests[0]), Dropped(requests[0], b0_.home, SH_IN_SUPPRESS));
}

TEST_P(DeliverTest, DrainedNicDoesNotAnswerForUnownedAddresses) {
  SetPath(h0_, h1_);
  const Bytes unicast = UnicastRequest(kClientMac, Client(GetParam()), h0_.mac, Unowned());
  EXPECT_EQ(Deliver(h0_, unicast), Dropped(unicast, h0_.home, SH_IN_SUPPRESS));
  const Bytes broadcast = AddressRequest(kClientMac, Client(GetParam()), Unowned());
  EXPECT_EQ(Deliver(h0_, broadcast), Dropped(broadcast, h0_.home, SH_IN_FOREIGN));
}

TEST_P(DeliverTest, StrongHostRefusesOtherHomesPackets) {
  const Bytes to_h0 = ToMacOf(h1_, Own(h0_));
  EXPECT_EQ(Deliver(h1_, to_h0), Dropped(to_h0, h1_.home, SH_IN_FOREIGN));
  const Bytes other_group = ToMacOf(b0_, Own(h0_));
  EXPECT_EQ(Deliver(b0_, other_group), Dropped(other_group, b0_.home, SH_IN_FOREIGN));
  const Bytes reply = AddressReply(kClientMac, Client(GetParam()), h1_.mac, Own(h0_));
  EXPECT_EQ(Deliver(h1_, reply), Dropped(reply, h1_.home, SH_IN_FOREIGN));
}

TEST_P(DeliverTest, SiblingsMacLetInByTheFilterIsRefused) {
  for (const Bytes& frame : {ToMacOf(h0_, Own(h0_)), ToMacOf(h0_, Unowned())}) {
    EXPECT_EQ(Deliver(h1_, frame), Dropped(frame, h1_.home, SH_IN_FOREIGN));
  }
}

// The address moved from h0 to h1; a peer that has not heard of it sends to h0's MAC.
TEST_P(DeliverTest, AnAddressThatMovedHereIsServedUnderTheMacOfWhereItLived) {
  const Bytes request = UnicastRequest(kClientMac, Client(GetParam()), h0_.mac, Own(h1_));
  for (const uint32_t flags : {0U, uint32_t{SH_NIC_XDP_NATIVE}}) {
    SetNicFlags(h1_, flags);
    for (const Bytes& frame : {ToMacOf(h0_, Own(h1_)), request}) {
      EXPECT_EQ(Deliver(h1_, frame),
                Redirected(WithDestination(frame, h1_.mac), h1_.home, SH_IN_DELIVER, Into(h1_)));
    }
  }
  // Not where it does not live, and not under a stranger's MAC.
  const Bytes at_h0 = ToMacOf(h0_, Own(h1_));
  EXPECT_EQ(Deliver(h0_, at_h0), Dropped(at_h0, h0_.home, SH_IN_FOREIGN));
  const MacAddress stranger = {{0x02, 0x00, 0x5e, 0x99, 0x00, 0x01}};
  const Bytes strange = Datagram(kClientMac, Client(GetParam()), stranger, Own(h1_));
  EXPECT_EQ(Deliver(h1_, strange), Passed(strange, h1_.home, SH_IN_PASS));
}

// h0's NIC is gone, and h1 serves its MAC: also for destinations behind this host.
TEST_P(DeliverTest, UnownedFramesUnderTheMacOfANicThatIsGoneAreTheWiresOwn) {
  SetPath(h0_, h1_);
  ChangeHome(h0_.home, [](sh_home& home) { home.flags |= SH_HOME_ALIAS; });
  const Bytes frame = ToMacOf(h0_, Unowned());
  EXPECT_EQ(Deliver(h1_, frame),
            Redirected(WithDestination(frame, h1_.mac), h1_.home, SH_IN_DELIVER, Into(h1_)));
}

TEST_P(DeliverTest, DrainedNicRefusesEverythingOfItsOwn) {
  SetPath(h0_, h1_);
  for (const Bytes& frame : {ToMacOf(h0_, Own(h0_)), ToMacOf(h0_, Unowned())}) {
    EXPECT_EQ(Deliver(h0_, frame), Dropped(frame, h0_.home, SH_IN_FOREIGN));
  }
}

TEST_P(DeliverTest, WeakHostAcceptsOwnedPacketsAnywhereButStillHasOneSpeaker) {
  AddFlags(h0_, SH_HOME_WEAK);
  const Bytes to_h0 = ToMacOf(h1_, Own(h0_));
  EXPECT_EQ(Deliver(h1_, to_h0), Passed(to_h0, h1_.home, SH_IN_WEAK));
  EXPECT_EQ(Deliver(b0_, to_h0), Passed(to_h0, b0_.home, SH_IN_PASS));  // not its MAC
  const Bytes request = RequestFor(h0_);
  EXPECT_EQ(Deliver(h1_, request), Dropped(request, h1_.home, SH_IN_SUPPRESS));
  // The flag is the owner's, not that of the NIC.
  const Bytes to_h2 = ToMacOf(h0_, Own(h2_));
  EXPECT_EQ(Deliver(h0_, to_h2), Dropped(to_h2, h0_.home, SH_IN_FOREIGN));
  // The wire delivers as ever.
  SetPath(h0_, h1_);
  EXPECT_EQ(Deliver(h1_, to_h0),
            Redirected(WithDestination(to_h0, h0_.mac), h1_.home, SH_IN_DELIVER, Into(h0_)));
}

// maps/homes.h: with SH_HOME_WEAK nothing but ARP and ND is dropped.
TEST_P(DeliverTest, WeakHostAcceptsUnownedPacketsForItsOwnMacWhileDrained) {
  AddFlags(h0_, SH_HOME_WEAK);
  SetPath(h0_, h1_);
  const Bytes frame = ToMacOf(h0_, Unowned());
  EXPECT_EQ(Deliver(h0_, frame), Passed(frame, h0_.home, SH_IN_WEAK));
}

TEST_P(DeliverTest, WeakHostDoesNotTakeArpRepliesOfOthers) {
  AddFlags(h0_, SH_HOME_WEAK);
  const Bytes reply = AddressReply(kClientMac, Client(GetParam()), h1_.mac, Own(h0_));
  const Outcome outcome = Deliver(h1_, reply);
  EXPECT_EQ(outcome, GetParam() == Family::kV4 ? Dropped(reply, h1_.home, SH_IN_FOREIGN)
                                               : Passed(reply, h1_.home, SH_IN_WEAK));
}

TEST_P(DeliverTest, FormerWireAcceptsWhatIsStillOnItsWay) {
  // The home itself was the wire.
  SetPath(h0_, h1_);
  SetLinger(h0_, h0_);
  for (const Bytes& frame : {ToMacOf(h0_, Own(h0_)), ToMacOf(h0_, Unowned())}) {
    EXPECT_EQ(Deliver(h0_, frame), Passed(frame, h0_.home, SH_IN_LINGER));
  }
  // A stand-in was.
  SetPath(h0_, h0_);
  SetLinger(h0_, h1_);
  for (const Bytes& frame : {ToMacOf(h0_, Own(h0_)), ToMacOf(h1_, Own(h0_))}) {
    EXPECT_EQ(Deliver(h1_, frame),
              Redirected(WithDestination(frame, h0_.mac), h1_.home, SH_IN_LINGER, Into(h0_)));
  }
  // Other NICs never were.
  const Bytes stray = ToMacOf(h2_, Own(h0_));
  EXPECT_EQ(Deliver(h2_, stray), Dropped(stray, h2_.home, SH_IN_FOREIGN));
}

TEST_P(DeliverTest, FormerWireAnswersNoRequestsAndTakesNoGroupFrames) {
  SetPath(h0_, h1_);
  SetLinger(h0_, h0_);
  for (const Bytes& request :
       {RequestFor(h0_), UnicastRequest(kClientMac, Client(GetParam()), h0_.mac, Own(h0_))}) {
    EXPECT_EQ(Deliver(h0_, request), Dropped(request, h0_.home, SH_IN_SUPPRESS));
  }
  const Bytes broadcast = Datagram(kClientMac, Client(GetParam()), kBroadcastMac, Own(h0_));
  EXPECT_EQ(Deliver(h0_, broadcast), Dropped(broadcast, h0_.home, SH_IN_FOREIGN));
}

TEST_P(DeliverTest, SecondMeetingEntersTheHomeWhateverItIs) {
  SetPath(h0_, h1_);
  for (const Bytes& frame :
       {ToMacOf(h0_, Own(h0_)), RequestFor(h0_), Announcement(h2_.mac, Own(h2_))}) {
    EXPECT_EQ(Run(Program::kDeliver, h0_, frame, Into(h0_)), Passed(frame, h0_.home, SH_IN_HOME));
  }
  // A mark of the way out is none of the way in, nor is one without its home.
  const Bytes frame = ToMacOf(h0_, Own(h0_));
  const Mark out{kMarkOut, h0_.home, 1};
  Outcome refused = Dropped(frame, h0_.home, SH_IN_FOREIGN);
  refused.mark = out;
  EXPECT_EQ(Run(Program::kDeliver, h0_, frame, out), refused);
  refused.mark = Mark{kMarkIn, SH_HOME_NONE, 0};
  EXPECT_EQ(Run(Program::kDeliver, h0_, frame, refused.mark), refused);
}

TEST_P(DeliverTest, OwnBroadcastsThatComeBackAreDropped) {
  for (const Nic* sender : {&h1_, &h2_}) {
    for (const Bytes& frame : {Announcement(sender->mac, Own(*sender)),
                               AddressRequest(sender->mac, Own(*sender), Client(GetParam())),
                               Datagram(sender->mac, Own(*sender), kBroadcastMac, Own(h0_))}) {
      EXPECT_EQ(Deliver(h0_, frame), Dropped(frame, h0_.home, SH_IN_ECHO));
    }
  }
  EXPECT_TRUE(TakeEvents().empty());
  // Another group is another segment; unicast between our own NICs is no echo.
  const Bytes of_b0 = Announcement(b0_.mac, Own(b0_));
  EXPECT_NE(Deliver(h0_, of_b0).count->verdict, SH_IN_ECHO);
  const Bytes unicast = Datagram(h1_.mac, Own(h1_), h0_.mac, Own(h0_));
  EXPECT_EQ(Deliver(h0_, unicast), Passed(unicast, h0_.home, SH_IN_PASS));
}

TEST_P(DeliverTest, FramesForOthersMacsAreLeftToTheStack) {
  for (const Bytes& frame : {Datagram(kClientMac, Client(GetParam()), kChildMac, Own(h1_)),
                             Datagram(kClientMac, Client(GetParam()), b0_.mac, Own(h1_)),
                             UnicastRequest(kClientMac, Client(GetParam()), kChildMac, Own(h1_))}) {
    EXPECT_EQ(Deliver(h0_, frame), Passed(frame, h0_.home, SH_IN_PASS));
  }
}

TEST_P(DeliverTest, LeavesNicsOfNoGroupAlone) {
  const Bytes frame = ToMacOf(u0_, Own(h0_));
  EXPECT_EQ(Deliver(u0_, frame), Passed(frame, SH_HOME_NONE, SH_NOT_MANAGED));
  const Bytes request = RequestFor(h0_);
  EXPECT_EQ(Deliver(u0_, request), Passed(request, SH_HOME_NONE, SH_NOT_MANAGED));
}

TEST_P(DeliverTest, PassesAddressesWhoseHomeIsGone) {
  SetAddress(Own(h1_), 0, 77);
  SetAddress(Own(h2_), 0, SH_HOMES_MAX);
  for (const Nic* owner : {&h1_, &h2_}) {
    const Bytes frame = ToMacOf(h0_, Own(*owner));
    EXPECT_EQ(Deliver(h0_, frame), Passed(frame, h0_.home, SH_IN_PASS));
  }
}

TEST_P(DeliverTest, OptionsFragmentsAndExtensionHeadersAreDeliveredLikePlainPackets) {
  SetPath(h0_, h1_);
  const Ethernet eth{.destination = h1_.mac, .source = kClientMac};
  const Bytes large = BuildFrame(
      {eth, IpHeader(Client(GetParam()), Own(h0_)), Udp{.source_port = 53}, Payload::Zeros(900)});
  std::vector<Bytes> frames = lab::FragmentFrame(large, 400, 9);
  ASSERT_EQ(frames.size(), 3U);
  if (GetParam() == Family::kV4) {
    frames.push_back(BuildFrame({eth,
                                 Ipv4{.source = Client(GetParam()),
                                      .destination = Own(h0_),
                                      .options = {7, 7, 4, 0, 0, 0, 0}},
                                 Udp{}, Payload::Zeros(9)}));
  } else {
    frames.push_back(BuildFrame({eth, IpHeader(Client(GetParam()), Own(h0_)), lab::HopByHop{},
                                 lab::DestinationOptions{}, Udp{}, Payload::Zeros(9)}));
  }
  for (const Bytes& frame : frames) {
    EXPECT_EQ(Deliver(h1_, frame),
              Redirected(WithDestination(frame, h0_.mac), h1_.home, SH_IN_DELIVER, Into(h0_)));
  }
}

TEST_P(DeliverTest, TrustsGuardWhereItRunsInTheDriver) {
  SetNicFlags(h1_, SH_NIC_XDP_NATIVE);
  // Guard would have dropped it: that it is here says that it is right.
  const Bytes frame = ToMacOf(h1_, Own(h0_));
  EXPECT_EQ(Deliver(h1_, frame), Passed(frame, h1_.home, SH_IN_PASS));
  // What it carries for others it still has to deliver.
  SetPath(h0_, h1_);
  EXPECT_EQ(Deliver(h1_, frame),
            Redirected(WithDestination(frame, h0_.mac), h1_.home, SH_IN_DELIVER, Into(h0_)));
  SetPath(h0_, h0_);
  SetLinger(h0_, h1_);
  EXPECT_EQ(Deliver(h1_, frame),
            Redirected(WithDestination(frame, h0_.mac), h1_.home, SH_IN_LINGER, Into(h0_)));
}

TEST_P(DeliverTest, DecidesItselfWhereGuardIsBlindOrGeneric) {
  const Bytes frame = ToMacOf(h1_, Own(h0_));
  for (const uint32_t flags :
       {0U, SH_NIC_XDP_GENERIC, SH_NIC_VLAN_CHILDREN, SH_NIC_XDP_NATIVE | SH_NIC_VLAN_CHILDREN,
        SH_NIC_NO_CARRIER | SH_NIC_DRAINED}) {
    SetNicFlags(h1_, flags);
    EXPECT_EQ(Deliver(h1_, frame), Dropped(frame, h1_.home, SH_IN_FOREIGN)) << flags;
  }
}

TEST_P(DeliverTest, SwappedWiresDeliverCrosswise) {
  SetPath(h0_, h1_);
  SetPath(h1_, h0_);
  const Bytes to_h0 = ToMacOf(h0_, Own(h0_));
  const Bytes to_h1 = ToMacOf(h1_, Own(h1_));
  EXPECT_EQ(Deliver(h1_, to_h0), Redirected(to_h0, h1_.home, SH_IN_DELIVER, Into(h0_)));
  EXPECT_EQ(Deliver(h0_, to_h1), Redirected(to_h1, h0_.home, SH_IN_DELIVER, Into(h1_)));
  EXPECT_EQ(Deliver(h0_, to_h0), Dropped(to_h0, h0_.home, SH_IN_FOREIGN));
}

TEST_P(DeliverTest, NoFrameNeedsMoreThanTheGroupsRing) {
  SetPath(h1_, h0_);
  const Bytes frame = ToMacOf(h1_, Own(h1_));
  const Bytes foreign = ToMacOf(b0_, Own(h0_));
  // Groups of one: no other MAC is a member's.
  ChangeHome(h0_.home, [&](sh_home& home) { home.next = h0_.home; });
  ChangeHome(h1_.home, [&](sh_home& home) { home.next = h1_.home; });
  EXPECT_EQ(Deliver(h0_, frame), Passed(frame, h0_.home, SH_IN_PASS));
  // Of two.
  ChangeHome(h0_.home, [&](sh_home& home) { home.next = h1_.home; });
  ChangeHome(h1_.home, [&](sh_home& home) { home.next = h0_.home; });
  EXPECT_EQ(Deliver(h0_, frame), Redirected(frame, h0_.home, SH_IN_DELIVER, Into(h1_)));
  EXPECT_EQ(Deliver(h0_, foreign), Passed(foreign, h0_.home, SH_IN_PASS));
}

}  // namespace
}  // namespace stronghost::packet
