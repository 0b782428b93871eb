// sh_gateways: which frames are evidence of a gateway, and on which NIC.
#include <algorithm>

#include "tests/packet/program_fixture.h"
#include "tests/packet/test_frames.h"

namespace stronghost::packet {
namespace {

using lab::BuildFrame;
using lab::Ethernet;
using lab::kBroadcastMac;
using lab::Payload;
using lab::Vlan;

// The second slot: not the first that is looked at.
constexpr MacAddress kGatewayMac = {{0x02, 0x00, 0x5e, 0x50, 0x00, 0x01}};
// Differs in the first byte only, as the MACs of a guest and of its tap do.
constexpr MacAddress kOtherGatewayMac = {{0xfe, 0x00, 0x5e, 0x50, 0x00, 0x01}};

// The marks of one NIC, for comparison.
struct Marks {
  bool sent = false;
  bool heard = false;
  bool confirmed = false;
  bool seen = false;
  bool others = false;
  bool echo = false;

  bool operator==(const Marks&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Marks& marks) {
  return out << (marks.sent ? "sent " : "") << (marks.heard ? "heard " : "")
             << (marks.confirmed ? "confirmed " : "") << (marks.seen ? "seen " : "")
             << (marks.others ? "others " : "") << (marks.echo ? "echo" : "");
}

constexpr Marks kNothing;
constexpr Marks kSent{.sent = true};
constexpr Marks kHeard{.heard = true};
constexpr Marks kConfirmed{.confirmed = true};
constexpr Marks kSeen{.seen = true};
constexpr Marks kOthers{.others = true};
constexpr Marks kEcho{.echo = true};

class GatewaysTest : public ProgramFixture, public testing::WithParamInterface<Family> {
 protected:
  void SetUp() override {
    ProgramFixture::SetUp();
    sh_gateways gateways{};
    std::copy(kOtherGatewayMac.bytes.begin(), kOtherGatewayMac.bytes.end(),
              gateways.slot[0].mac.bytes);
    std::copy(kGatewayMac.bytes.begin(), kGatewayMac.bytes.end(), gateways.slot[1].mac.bytes);
    for (const Nic* nic : {&h0_, &h1_, &h2_}) {
      AddFlags(*nic, SH_HOME_WATCHED);
      ASSERT_TRUE(programs().SetGateways(nic->home, gateways).ok());
    }
  }

  // What is noted on the NIC, and on no other slot of it.
  Marks MarksOf(const Nic& nic) {
    const sh_gateways gateways = programs().Gateways(nic.home);
    for (const int other : {0, 2, 3}) {
      const sh_gateway& slot = gateways.slot[other];
      EXPECT_FALSE(slot.sent || slot.heard || slot.confirmed || slot.seen) << "slot " << other;
    }
    const sh_gateway& slot = gateways.slot[1];
    return {slot.sent != 0, slot.heard != 0,      slot.confirmed != 0,
            slot.seen != 0, gateways.others != 0, gateways.echo != 0};
  }
  void ExpectOnly(const Nic& nic, const Marks& marks) {
    for (const Nic* each : {&h0_, &h1_, &h2_}) {
      EXPECT_EQ(MarksOf(*each), each == &nic ? marks : kNothing) << each->name;
    }
  }

  [[nodiscard]] const IpAddress& Own(const Nic& nic) const { return nic.Address(GetParam()); }
  // From far away, through the gateway.
  [[nodiscard]] Bytes FromGateway(const Nic& nic) const {
    return Datagram(kGatewayMac, Far(), nic.mac, Own(nic));
  }
  [[nodiscard]] Bytes ToGateway(const Nic& nic, const IpAddress& source) const {
    return Datagram(nic.mac, source, kGatewayMac, Far());
  }
  [[nodiscard]] static IpAddress Far() {
    return GetParam() == Family::kV4 ? Ip("192.0.2.7") : Ip("2001:db8:7::7");
  }
  [[nodiscard]] static IpAddress GatewayAddress() {
    return GetParam() == Family::kV4 ? Ip("198.51.100.254") : Ip("2001:db8::fe");
  }
};
INSTANTIATE_TEST_SUITE_P(, GatewaysTest, testing::Values(Family::kV4, Family::kV6), FamilyName);

TEST_P(GatewaysTest, TrafficToTheGatewayIsNotedOnTheNicThatItLeavesBy) {
  Steer(h0_, ToGateway(h0_, Own(h0_)));
  ExpectOnly(h0_, kSent);
}

TEST_P(GatewaysTest, NothingIsNotedWithoutTheFlag) {
  ChangeHome(h0_.home, [](sh_home& home) { home.flags = 0; });
  Steer(h0_, ToGateway(h0_, Own(h0_)));
  Deliver(h0_, FromGateway(h0_));
  Deliver(h0_, AddressReply(kGatewayMac, GatewayAddress(), h0_.mac, Own(h0_)));
  ExpectOnly(h0_, kNothing);
}

TEST_P(GatewaysTest, SteeredTrafficIsNotedWhereItLeaves) {
  const Bytes frame = ToGateway(h0_, Own(h1_));
  Steer(h0_, frame);
  ExpectOnly(h1_, kNothing);
  Run(Program::kSteer, h1_, frame, Mark{kMarkOut, h1_.home, 1});
  ExpectOnly(h1_, kSent);
}

TEST_P(GatewaysTest, TrafficOfAStandInIsNotedOnTheNicThatStandsIn) {
  SetPath(h0_, h1_);
  const Bytes frame = ToGateway(h0_, Own(h0_));
  Steer(h0_, frame);
  ExpectOnly(h0_, kNothing);
  Run(Program::kSteer, h1_, frame, Mark{kMarkOut, h0_.home, 1});
  ExpectOnly(h1_, kSent);
}

TEST_P(GatewaysTest, WhatRoutingPutsOnTheStandInItselfIsNotedThere) {
  SetPath(h0_, h1_);
  Steer(h1_, ToGateway(h1_, Own(h0_)));
  ExpectOnly(h1_, kSent);
}

// Or probes, and the kernel's own questions, would be a reason for probes.
TEST_P(GatewaysTest, ResolvingTheGatewayIsNoTraffic) {
  Steer(h0_, UnicastRequest(h0_.mac, Own(h0_), kGatewayMac, GatewayAddress()));
  Steer(h0_, AddressRequest(h0_.mac, Own(h0_), GatewayAddress()));
  ExpectOnly(h0_, kNothing);
}

TEST_P(GatewaysTest, TrafficToOthersIsNotTheGateways) {
  Steer(h0_, Datagram(h0_.mac, Own(h0_), kClientMac, Client(GetParam())));
  ExpectOnly(h0_, kNothing);
}

TEST_P(GatewaysTest, TrafficFromTheGatewayIsNoted) {
  Deliver(h0_, FromGateway(h0_));
  ExpectOnly(h0_, kHeard);
}

TEST_P(GatewaysTest, DeliveredTrafficIsNotedWhereItArrived) {
  SetPath(h0_, h1_);
  const Bytes frame = FromGateway(h0_);
  const Outcome outcome = Deliver(h1_, frame);
  ASSERT_EQ(outcome.count, (Count{h1_.home, SH_IN_DELIVER}));
  ExpectOnly(h1_, kHeard);
  Run(Program::kDeliver, h0_, frame, outcome.mark);
  ExpectOnly(h1_, kHeard);
}

// It proves the path all the same.
TEST_P(GatewaysTest, WhatTheStrongHostRefusesIsNoted) {
  Deliver(h1_, Datagram(kGatewayMac, Far(), h1_.mac, Own(h0_)));
  ExpectOnly(h1_, kHeard);
}

TEST_P(GatewaysTest, AnswersOfTheGatewayConfirmIt) {
  Deliver(h0_, AddressReply(kGatewayMac, GatewayAddress(), h0_.mac, Own(h0_)));
  ExpectOnly(h0_, kConfirmed);
}

TEST_P(GatewaysTest, BroadcastsOfTheGatewayAreOnlySeen) {
  Deliver(h0_, AddressRequest(kGatewayMac, GatewayAddress(), Client(GetParam())));
  ExpectOnly(h0_, kSeen);
}

TEST_P(GatewaysTest, OtherHostsAreNotedAsSuch) {
  Deliver(h0_, Datagram(kClientMac, Client(GetParam()), h0_.mac, Own(h0_)));
  ExpectOnly(h0_, kOthers);
}

TEST_P(GatewaysTest, BroadcastsOfASiblingAreAnEcho) {
  Deliver(h0_, AddressRequest(h1_.mac, Own(h1_), GatewayAddress()));
  ExpectOnly(h0_, kEcho);
}

TEST_P(GatewaysTest, NobodysTrafficHidesTheGateways) {
  const Bytes to_client = Datagram(h0_.mac, Own(h0_), kClientMac, Client(GetParam()));
  const Bytes from_client = Datagram(kClientMac, Client(GetParam()), h0_.mac, Own(h0_));
  for (int i = 0; i < 2; ++i) {
    Steer(h0_, to_client);
    Deliver(h0_, from_client);
  }
  ExpectOnly(h0_, kOthers);
  Steer(h0_, ToGateway(h0_, Own(h0_)));
  Deliver(h0_, FromGateway(h0_));
  ExpectOnly(h0_, {.sent = true, .heard = true, .others = true});
}

TEST_P(GatewaysTest, OneGatewayDoesNotHideAnother) {
  for (const MacAddress& mac : {kOtherGatewayMac, kGatewayMac}) {
    Steer(h0_, Datagram(h0_.mac, Own(h0_), mac, Far()));
    Deliver(h0_, Datagram(mac, Far(), h0_.mac, Own(h0_)));
  }
  const sh_gateways gateways = programs().Gateways(h0_.home);
  for (const int slot : {0, 1}) {
    EXPECT_TRUE(gateways.slot[slot].sent && gateways.slot[slot].heard) << slot;
  }
}

TEST_P(GatewaysTest, ItsTrafficHidesNoOtherWordOfTheGateway) {
  Deliver(h0_, FromGateway(h0_));
  Deliver(h0_, AddressReply(kGatewayMac, GatewayAddress(), h0_.mac, Own(h0_)));
  Deliver(h0_, AddressRequest(kGatewayMac, GatewayAddress(), Client(GetParam())));
  ExpectOnly(h0_, {.heard = true, .confirmed = true, .seen = true});
}

// deliver never meets what guard drops.
TEST_P(GatewaysTest, WhatTheGuardDropsIsNotedByIt) {
  SetNicFlags(h1_, SH_NIC_XDP_NATIVE);
  ASSERT_EQ(Guard(h1_, Datagram(kGatewayMac, Far(), h1_.mac, Own(h0_))).action, XDP_DROP);
  ExpectOnly(h1_, kHeard);
}

TEST_P(GatewaysTest, EchoesThatTheGuardDropsAreNotedByIt) {
  ASSERT_EQ(Guard(h0_, AddressRequest(h1_.mac, Own(h1_), GatewayAddress())).action, XDP_DROP);
  ExpectOnly(h0_, kEcho);
}

TEST_P(GatewaysTest, WhatTheGuardPassesIsNotedByDeliver) {
  SetNicFlags(h0_, SH_NIC_XDP_NATIVE);
  const Bytes frame = AddressReply(kGatewayMac, GatewayAddress(), h0_.mac, Own(h0_));
  ASSERT_EQ(Guard(h0_, frame).action, XDP_PASS);
  ExpectOnly(h0_, kNothing);
  Deliver(h0_, frame);
  ExpectOnly(h0_, kConfirmed);
}

// A router has one MAC in all its VLANs.
TEST_P(GatewaysTest, FramesOfVlansSayNothing) {
  const Bytes in =
      BuildFrame({Ethernet{h0_.mac, kGatewayMac}, Vlan{.id = 7}, IpHeader(Far(), Own(h0_)),
                  lab::Udp{.source_port = 1}, Payload::Zeros(20)});
  const Bytes out =
      BuildFrame({Ethernet{kGatewayMac, h0_.mac}, Vlan{.id = 7}, IpHeader(Own(h0_), Far()),
                  lab::Udp{.source_port = 1}, Payload::Zeros(20)});
  Deliver(h0_, in);
  Steer(h0_, out);
  ExpectOnly(h0_, kNothing);
}

}  // namespace
}  // namespace stronghost::packet
