// guard: what XDP drops before the stack sees it.
#include "tests/packet/program_fixture.h"
#include "tests/packet/test_frames.h"

namespace stronghost::packet {
namespace {

using lab::BuildFrame;
using lab::Ethernet;
using lab::kBroadcastMac;
using lab::Payload;
using lab::Udp;

class GuardTest : public ProgramFixture, public testing::WithParamInterface<Family> {
 protected:
  [[nodiscard]] Bytes ToMacOf(const Nic& nic, const IpAddress& address) const {
    return Datagram(kClientMac, Client(GetParam()), nic.mac, address);
  }
  [[nodiscard]] Bytes RequestFor(const Nic& owner) const {
    return AddressRequest(kClientMac, Client(GetParam()), Own(owner));
  }
  [[nodiscard]] const IpAddress& Own(const Nic& nic) const { return nic.Address(GetParam()); }
  [[nodiscard]] IpAddress Unowned() const {
    return GetParam() == Family::kV4 ? Ip("192.0.2.9") : Ip("2001:db8:9::9");
  }
  // All that the client, the switch and we ourselves might send to a NIC of this world.
  [[nodiscard]] std::vector<Bytes> Everything() const;
};
INSTANTIATE_TEST_SUITE_P(, GuardTest, testing::Values(Family::kV4, Family::kV6), FamilyName);

std::vector<Bytes> GuardTest::Everything() const {
  std::vector<Bytes> frames;
  for (const Nic* owner : {&h0_, &h1_, &h2_, &b0_, &u0_}) {
    for (const Nic* nic : {&h0_, &h1_, &h2_, &b0_, &u0_}) {
      frames.push_back(ToMacOf(*nic, Own(*owner)));
      frames.push_back(UnicastRequest(kClientMac, Client(GetParam()), nic->mac, Own(*owner)));
      frames.push_back(AddressReply(kClientMac, Client(GetParam()), nic->mac, Own(*owner)));
      frames.push_back(Datagram(nic->mac, Own(*nic), owner->mac, Own(*owner)));
      frames.push_back(Datagram(kClientMac, ClientLinkLocal(), nic->mac, owner->link_local));
    }
    frames.push_back(ToMacOf(*owner, Unowned()));
    frames.push_back(RequestFor(*owner));
    frames.push_back(Announcement(owner->mac, Own(*owner)));
    frames.push_back(Datagram(kClientMac, Client(GetParam()), kBroadcastMac, Own(*owner)));
    frames.push_back(Datagram(kClientMac, Client(GetParam()), kChildMac, Own(*owner)));
    frames.push_back(lab::NeighborSolicit(kClientMac, ClientLinkLocal(), owner->link_local));
  }
  frames.push_back(AddressRequest(kClientMac, Client(GetParam()), Unowned()));
  frames.push_back(Announcement(kClientMac, Client(GetParam())));
  frames.push_back(
      BuildFrame({Ethernet{.destination = h0_.mac, .source = kClientMac}, lab::Vlan{.id = 5},
                  IpHeader(Client(GetParam()), Own(h1_)), Udp{}, Payload::Zeros(20)}));
  Bytes cut = lab::ArpRequest(kClientMac, Client(Family::kV4), h0_.v4);
  cut.resize(30);
  frames.push_back(cut);
  return frames;
}

TEST_P(GuardTest, PassesAndDoesNotCountWhatIsRight) {
  for (const Bytes& frame : {ToMacOf(h0_, Own(h0_)), RequestFor(h0_), ToMacOf(h0_, Unowned()),
                             Datagram(kClientMac, Client(GetParam()), kChildMac, Own(h1_)),
                             UnicastRequest(kClientMac, Client(GetParam()), h0_.mac, Own(h0_))}) {
    EXPECT_EQ(Guard(h0_, frame), XdpPassed(frame));
  }
  // What deliver will carry into another home.
  SetPath(h0_, h1_);
  for (const Bytes& frame : {ToMacOf(h0_, Own(h0_)), ToMacOf(h1_, Own(h0_)), RequestFor(h0_)}) {
    EXPECT_EQ(Guard(h1_, frame), XdpPassed(frame));
  }
}

TEST_P(GuardTest, DropsRequestsThatAnotherNicAnswers) {
  const Bytes request = RequestFor(h0_);
  EXPECT_EQ(Guard(h1_, request), XdpDropped(request, h1_.home, SH_IN_SUPPRESS));
  EXPECT_EQ(Guard(b0_, request), XdpDropped(request, b0_.home, SH_IN_SUPPRESS));
  SetPath(h0_, h1_);
  EXPECT_EQ(Guard(h0_, request), XdpDropped(request, h0_.home, SH_IN_SUPPRESS));
}

TEST_P(GuardTest, DropsWhatTheStrongHostRefuses) {
  for (const Bytes& frame :
       {ToMacOf(h1_, Own(h0_)), ToMacOf(h0_, Own(h0_)), ToMacOf(h0_, Unowned())}) {
    EXPECT_EQ(Guard(h1_, frame), XdpDropped(frame, h1_.home, SH_IN_FOREIGN));
  }
  AddFlags(h0_, SH_HOME_WEAK);
  const Bytes weak = ToMacOf(h1_, Own(h0_));
  EXPECT_EQ(Guard(h1_, weak), XdpPassed(weak));
}

TEST_P(GuardTest, PassesWhatWasOnItsWayToTheFormerWire) {
  SetPath(h0_, h1_);
  SetLinger(h0_, h0_);
  const Bytes frame = ToMacOf(h0_, Own(h0_));
  EXPECT_EQ(Guard(h0_, frame), XdpPassed(frame));
}

TEST_P(GuardTest, DropsOurOwnBroadcastsThatComeBack) {
  for (const Nic* sender : {&h0_, &h1_}) {
    const Bytes frame = Announcement(sender->mac, Own(*sender));
    EXPECT_EQ(Guard(h0_, frame), XdpDropped(frame, h0_.home, SH_IN_ECHO));
  }
}

TEST_P(GuardTest, WithVlanChildrenDeliverDecides) {
  SetNicFlags(h1_, SH_NIC_XDP_NATIVE | SH_NIC_VLAN_CHILDREN);
  for (const Bytes& frame :
       {ToMacOf(h1_, Own(h0_)), RequestFor(h0_), Announcement(h0_.mac, Own(h0_))}) {
    EXPECT_EQ(Guard(h1_, frame), XdpPassed(frame));
  }
}

TEST_P(GuardTest, GenericGuardPassesWhatMayHaveBeenDeliveredIntoThisHome) {
  SetPath(h0_, h1_);
  SetNicFlags(h0_, SH_NIC_XDP_GENERIC);
  for (const Bytes& frame : {ToMacOf(h0_, Own(h0_)), ToMacOf(h0_, Unowned()), RequestFor(h0_),
                             AddressRequest(kClientMac, Client(GetParam()), Unowned())}) {
    EXPECT_EQ(Guard(h0_, frame), XdpPassed(frame));
  }
  // What is another home's never was, nor our own broadcast.
  const Bytes foreign = ToMacOf(h0_, Own(h2_));
  EXPECT_EQ(Guard(h0_, foreign), XdpDropped(foreign, h0_.home, SH_IN_FOREIGN));
  const Bytes request = RequestFor(h2_);
  EXPECT_EQ(Guard(h0_, request), XdpDropped(request, h0_.home, SH_IN_SUPPRESS));
  const Bytes echo = Announcement(h0_.mac, Own(h0_));
  EXPECT_EQ(Guard(h0_, echo), XdpDropped(echo, h0_.home, SH_IN_ECHO));
}

TEST_P(GuardTest, LeavesNicsOfNoGroupAlone) {
  for (const Bytes& frame : Everything()) {
    EXPECT_EQ(Guard(u0_, frame), XdpPassed(frame));
  }
}

// The same rule in two places: guard drops exactly what deliver would drop, for the same reason.
TEST_P(GuardTest, AgreesWithDeliverOnEveryFrameInEveryState) {
  const std::vector<std::function<void()>> changes = {
      [] {},                                 // as it was made
      [&] { SetPath(h0_, h1_); },            // stand-in
      [&] { SetLinger(h0_, h0_); },          // just drained
      [&] { AddFlags(h2_, SH_HOME_WEAK); },  //
      [&] { SetPath(h2_, h1_); },            // h1 carries all
      [&] { SetPath(h1_, h2_); },            // and is not its own wire
      [&] { SetLinger(h2_, h0_); },          //
      [&] { ChangeHome(h1_.home, [](sh_home& home) { home.path = {}; }); },
  };
  int drops = 0;
  for (size_t state = 0; state < changes.size(); ++state) {
    changes[state]();
    for (const Nic* nic : {&h0_, &h1_, &h2_, &b0_}) {
      for (const Bytes& frame : Everything()) {
        const Outcome guard = Guard(*nic, frame);
        const Outcome deliver = Deliver(*nic, frame);
        const bool dropped = deliver.action == TC_ACT_SHOT;
        drops += dropped ? 1 : 0;
        ASSERT_EQ(guard.action, dropped ? XDP_DROP : XDP_PASS) << state << nic->name << deliver;
        ASSERT_EQ(guard.count, dropped ? deliver.count : std::nullopt) << state << deliver;
        ASSERT_EQ(guard.frame, frame);
      }
    }
  }
  EXPECT_GT(drops, 1000);
}

}  // namespace
}  // namespace stronghost::packet
