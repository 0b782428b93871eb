// 20,000 frames that nobody would send, through each program: whatever a frame is, some things
// never happen to it. The seed is fixed; a failure names the round.
#include <algorithm>
#include <random>
#include <set>

#include "tests/lib/gtest_status.h"
#include "tests/packet/program_fixture.h"
#include "tests/packet/test_frames.h"

namespace stronghost::packet {
namespace {

using lab::BuildFrame;
using lab::Ethernet;
using lab::kBroadcastMac;

constexpr int kRounds = 20000;
constexpr uint32_t kSeed = 1122;  // RFC

constexpr size_t kMacEnd = 6;
constexpr size_t kSourceEnd = 12;

MacAddress DestinationOf(const Bytes& frame) {
  MacAddress mac;
  std::copy_n(frame.begin(), mac.bytes.size(), mac.bytes.begin());
  return mac;
}

unsigned EtherType(const Bytes& frame) {
  return static_cast<unsigned>(frame[12] << 8 | frame[13]);
}

bool IsNeighborDiscovery(const Bytes& frame) {
  return EtherType(frame) == 0x86dd && frame.size() >= 78 && frame[20] == 58 &&
         (frame[54] == 135 || frame[54] == 136);
}

// Whether steer may change byte `i` of this frame.
bool MayChangeOnTheWayOut(const Bytes& frame, size_t i) {
  if (i >= kMacEnd && i < kSourceEnd) {
    return true;
  }
  if (EtherType(frame) == 0x0806) {
    return i >= 22 && i < 32;  // sender's hardware and protocol address
  }
  // The checksum, and the options behind the target address.
  return IsNeighborDiscovery(frame) && (i == 56 || i == 57 || i >= 78);
}

class MutationTest : public ProgramFixture {
 protected:
  [[nodiscard]] std::vector<Bytes> Seeds() const;
  Bytes Mutate(const std::vector<Bytes>& seeds);
  void ChangeWorld();
  void CheckSteer(const Nic& nic, const Bytes& frame);
  // Deliver's and guard's results belong together.
  void CheckIngress(const Nic& nic, const Bytes& frame);

  size_t Pick(size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random_); }
  const Nic& PickNic() {
    const Nic* nics[] = {&h0_, &h1_, &h2_, &b0_, &u0_};
    return *nics[Pick(std::size(nics))];
  }
  // The program's outcome, or nothing where the kernel refuses the frame (a cut IP header).
  std::optional<Outcome> Try(Program program, const Nic& nic, const Bytes& frame) {
    auto outcome = programs().Run(program, nic.ifindex, frame);
    if (absl::IsInvalidArgument(outcome.status()) && frame.size() < 54) {
      return std::nullopt;
    }
    EXPECT_OK(outcome);
    ran_ += outcome.ok() ? 1 : 0;
    return outcome.ok() ? std::optional<Outcome>(*std::move(outcome)) : std::nullopt;
  }
  [[nodiscard]] bool IsMembersMac(const MacAddress& mac) const {
    return mac == h0_.mac || mac == h1_.mac || mac == h2_.mac || mac == b0_.mac;
  }

  std::mt19937 random_{kSeed};
  int ran_ = 0;
  std::set<sh_verdict> seen_;
};

std::vector<Bytes> MutationTest::Seeds() const {
  std::vector<Bytes> seeds;
  for (const Family family : {Family::kV4, Family::kV6}) {
    for (const Nic* nic : {&h0_, &h1_, &h2_, &b0_}) {
      const IpAddress& own = nic->Address(family);
      for (const Nic* other : {&h0_, &h1_}) {
        seeds.push_back(Datagram(other->mac, own, kClientMac, Client(family)));
        seeds.push_back(Datagram(kClientMac, Client(family), other->mac, own));
        seeds.push_back(AddressReply(other->mac, own, kClientMac, Client(family)));
        seeds.push_back(Announcement(other->mac, own));
        seeds.push_back(AddressRequest(other->mac, own, Client(family)));
        seeds.push_back(UnicastRequest(kClientMac, Client(family), other->mac, own));
      }
      seeds.push_back(AddressRequest(kClientMac, Client(family), own));
      seeds.push_back(Announcement(kClientMac, own));
      seeds.push_back(Datagram(kClientMac, ClientLinkLocal(), nic->mac, nic->link_local));
      seeds.push_back(lab::NeighborSolicit(kClientMac, ClientLinkLocal(), nic->link_local));
      seeds.push_back(lab::NeighborSolicit(nic->mac, nic->link_local, ClientLinkLocal()));
      seeds.push_back(BuildFrame({Ethernet{kClientMac, nic->mac}, lab::Vlan{.id = 5},
                                  IpHeader(own, Client(family)), lab::Udp{}}));
      seeds.push_back(BuildFrame({Ethernet{kClientMac, nic->mac}, IpHeader(own, Client(family)),
                                  lab::HopByHop{}, lab::Udp{}, lab::Payload::Zeros(30)}));
    }
  }
  return seeds;
}

Bytes MutationTest::Mutate(const std::vector<Bytes>& seeds) {
  Bytes frame = seeds[Pick(seeds.size())];
  switch (Pick(8)) {
    case 0:  // as it is
      break;
    case 1:  // cut
      frame.resize(14 + Pick(frame.size() - 13));
      break;
    case 2: {  // longer, with anything behind
      const size_t more = Pick(40);
      for (size_t i = 0; i < more; ++i) {
        frame.push_back(static_cast<uint8_t>(Pick(256)));
      }
      break;
    }
    case 3: {  // the head of one, the tail of another
      const Bytes& other = seeds[Pick(seeds.size())];
      const size_t at = 14 + Pick(std::min(frame.size(), other.size()) - 13);
      frame.resize(at);
      frame.insert(frame.end(), other.begin() + static_cast<ptrdiff_t>(at), other.end());
      break;
    }
    default: {  // some bytes, mostly of the headers
      const size_t count = 1 + Pick(6);
      for (size_t i = 0; i < count; ++i) {
        const size_t at =
            Pick(3) == 0 ? Pick(frame.size()) : Pick(std::min<size_t>(86, frame.size()));
        frame[at] = Pick(2) == 0 ? static_cast<uint8_t>(Pick(256))
                                 : static_cast<uint8_t>(frame[at] ^ 1U << Pick(8));
      }
    }
  }
  return frame;
}

void MutationTest::ChangeWorld() {
  for (const Nic* home : {&h0_, &h1_, &h2_}) {
    const Nic* members[] = {&h0_, &h1_, &h2_};
    ChangeHome(home->home, [&](sh_home& h) {
      h.path.wire = Pick(2) == 0 ? home->ifindex : members[Pick(3)]->ifindex;
      h.linger = Pick(3) == 0 ? members[Pick(3)]->ifindex : 0;
      h.flags = (Pick(2) == 0 ? SH_HOME_STAY : 0) | (Pick(4) == 0 ? SH_HOME_WEAK : 0);
    });
  }
}

void MutationTest::CheckSteer(const Nic& nic, const Bytes& frame) {
  const std::optional<Outcome> outcome = Try(Program::kSteer, nic, frame);
  if (!outcome.has_value()) {
    return;
  }
  seen_.insert(outcome->count->verdict);
  ASSERT_EQ(outcome->frame.size(), frame.size());
  // Nothing that our own host sends is lost.
  ASSERT_TRUE(outcome->action == TC_ACT_UNSPEC || outcome->action == TC_ACT_REDIRECT) << *outcome;
  for (size_t i = 0; i < frame.size(); ++i) {
    ASSERT_TRUE(outcome->frame[i] == frame[i] || MayChangeOnTheWayOut(frame, i))
        << "byte " << i << " of " << *outcome;
  }
  const bool other_group = outcome->count->verdict == SH_OUT_OTHER_GROUP;
  if (outcome->action == TC_ACT_REDIRECT && !other_group) {
    ASSERT_TRUE(outcome->mark.has_value());
    ASSERT_EQ(outcome->mark->magic, kMarkOut);
    ASSERT_EQ(outcome->mark->hops, 1U);
    ASSERT_NE(outcome->mark->home, SH_HOME_NONE);
  } else {
    ASSERT_EQ(outcome->mark, std::nullopt);
    // Only the sender of an ARP request is ever cleared in a frame that stays.
    Bytes cleared = frame;
    if (EtherType(frame) == 0x0806 && frame.size() >= 42) {
      std::fill_n(cleared.begin() + 28, 4, uint8_t{0});
    }
    ASSERT_TRUE(outcome->frame == frame || outcome->frame == cleared) << *outcome;
  }
  if (IsNeighborDiscovery(frame)) {
    const size_t end = 54U + static_cast<size_t>(frame[18] << 8 | frame[19]);
    if (end == frame.size() && HasRightIcmp6Checksum(frame)) {
      ASSERT_TRUE(HasRightIcmp6Checksum(outcome->frame)) << *outcome;
    }
  }
  if (&nic == &u0_ || EtherType(frame) == 0x8100) {
    ASSERT_EQ(outcome->action, TC_ACT_UNSPEC);
    ASSERT_EQ(outcome->frame, frame);
  }
}

void MutationTest::CheckIngress(const Nic& nic, const Bytes& frame) {
  const std::optional<Outcome> guard = Try(Program::kGuard, nic, frame);
  const std::optional<Outcome> deliver = Try(Program::kDeliver, nic, frame);
  ASSERT_TRUE(guard.has_value());
  ASSERT_TRUE(guard->action == XDP_PASS || guard->action == XDP_DROP);
  ASSERT_EQ(guard->frame, frame);
  if (guard->action == XDP_DROP) {
    const MacAddress to = DestinationOf(frame);
    ASSERT_TRUE(to.IsMulticast() || IsMembersMac(to)) << "not ours to drop: " << *guard;
    ASSERT_NE(EtherType(frame), 0x8100U);
    ASSERT_NE(&nic, &u0_);
  }
  if (!deliver.has_value()) {
    ASSERT_EQ(guard->action, XDP_PASS);
    return;
  }
  seen_.insert(deliver->count->verdict);
  ASSERT_EQ(guard->action == XDP_DROP, deliver->action == TC_ACT_SHOT) << *deliver;
  if (guard->action == XDP_DROP) {
    ASSERT_EQ(guard->count, deliver->count);
  }
  ASSERT_EQ(deliver->frame.size(), frame.size());
  ASSERT_TRUE(std::equal(frame.begin() + kMacEnd, frame.end(), deliver->frame.begin() + kMacEnd))
      << *deliver;
  if (deliver->action == TC_ACT_REDIRECT) {
    ASSERT_TRUE(deliver->mark.has_value());
    ASSERT_EQ(deliver->mark->magic, kMarkIn);
    const MacAddress to = DestinationOf(deliver->frame);
    ASSERT_TRUE(to.IsMulticast() || IsMembersMac(to)) << *deliver;
    return;
  }
  ASSERT_TRUE(deliver->action == TC_ACT_UNSPEC || deliver->action == TC_ACT_SHOT);
  ASSERT_EQ(deliver->frame, frame);
  ASSERT_EQ(deliver->mark, std::nullopt);
}

TEST_F(MutationTest, WhateverTheFrameSomeThingsNeverHappen) {
  const std::vector<Bytes> seeds = Seeds();
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(round);
    if (round % 50 == 0) {
      ChangeWorld();
    }
    const Bytes frame = Mutate(seeds);
    const Nic& nic = PickNic();
    ASSERT_NO_FATAL_FAILURE(CheckSteer(nic, frame));
    ASSERT_NO_FATAL_FAILURE(CheckIngress(nic, frame));
  }
  // The rounds were no empty talk.
  EXPECT_GT(ran_, 2 * kRounds);
  for (const sh_verdict verdict :
       {SH_OUT_PASS, SH_OUT_STEER, SH_OUT_STAND_IN, SH_OUT_OTHER_GROUP, SH_OUT_UNTOUCHED,
        SH_OUT_SHORT, SH_IN_PASS, SH_IN_DELIVER, SH_IN_LINGER, SH_IN_WEAK, SH_IN_SUPPRESS,
        SH_IN_FOREIGN, SH_IN_ECHO, SH_IN_UNTOUCHED, SH_IN_SHORT, SH_NOT_MANAGED}) {
    EXPECT_TRUE(seen_.count(verdict) == 1) << VerdictName(verdict);
  }
}

}  // namespace
}  // namespace stronghost::packet
