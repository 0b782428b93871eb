// Where addresses live, under random sequences of whatever can happen.
#include <algorithm>
#include <random>
#include <set>

#include "agent/decide/residence.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/decide_world.h"

namespace stronghost {
namespace {

using testing::IsEmpty;

// Never to a NIC that is drained, flapping or missing, and an address at most once an event.
void ExpectGoodMoves(const Decision& decision) {
  std::set<IpAddress> moved;
  for (const Relocation& relocation : decision.relocations) {
    for (const IpAddress& ip : relocation.addresses) {
      ASSERT_TRUE(moved.insert(ip).second) << ip.ToString();
    }
    const auto to = std::find_if(decision.members.begin(), decision.members.end(),
                                 [&](const Member& m) { return m.name == relocation.to; });
    ASSERT_NE(to, decision.members.end());
    ASSERT_TRUE(to->usable()) << relocation.cause << " to " << to->name << ", which is "
                              << ToString(to->state);
  }
}

// In parts, which run side by side: with sanitizers a decision takes a millisecond.
constexpr uint32_t kSequences = 1000;
constexpr uint32_t kParts = 8;

class ResidencesAtRandom : public testing::TestWithParam<uint32_t> {};

INSTANTIATE_TEST_SUITE_P(, ResidencesAtRandom, testing::Range(0U, kParts));

TEST_P(ResidencesAtRandom, EveryAddressLivesOnceOnANicThatIsThere) {
  for (uint32_t seed = GetParam(); seed < kSequences; seed += kParts) {
    SCOPED_TRACE(seed);
    const int steps = seed % 10 == 0 ? 60 : 20;
    std::mt19937 random(seed);
    const int nics = 2 + static_cast<int>(random() % 3);
    DecideWorld world(
        nics, random() % 3 == 0 ? std::vector<std::string>{"n1"} : std::vector<std::string>{});
    world.config.groups[0].failback = absl::Seconds(random() % 4);
    world.config.groups[0].flap_limit = random() % 2 == 0 ? 3 : 0;
    if (random() % 2 == 0) {
      world.config.groups[0].relocate_after = absl::Seconds(random() % 4);
    }
    std::vector<std::string> all;
    for (int i = 0; i < nics; ++i) {
      for (const auto& ip :
           {absl::StrCat("198.51.100.", i + 1), absl::StrCat("2001:db8::", i + 1)}) {
        world.AddAddress(i, absl::StrCat(ip, i % 2 == 0 ? "/24" : "/25"));
        all.push_back(ip);
      }
    }
    world.Decide();
    std::string history;
    for (int step = 0; step < steps; ++step) {
      const int nic = static_cast<int>(random() % static_cast<uint32_t>(nics));
      const auto what = random() % 7;
      absl::StrAppend(&history, " ", what, ":", nic);
      switch (what) {
        case 0:
          if (world.Exists(nic)) {
            world.RemoveNic(nic);
          } else {
            world.InsertNic(nic);
          }
          break;
        case 1:
          if (world.Exists(nic)) {
            world.SetAdmin(nic, random() % 2 == 0);
          }
          break;
        case 2:
          if (world.Exists(nic)) {
            world.SetCarrier(nic, random() % 2 == 0);
          }
          break;
        case 3:
          world.Order(all[random() % all.size()], absl::StrCat("n", nic));
          break;
        case 4:
          if (!world.drained.erase(absl::StrCat("n", nic))) {
            world.drained.insert(absl::StrCat("n", nic));
          }
          break;
        default:
          break;
      }
      world.now += absl::Seconds(random() % 3);
      if (random() % 8 != 0) {  // else: it died before it did anything
        ASSERT_NO_FATAL_FAILURE(ExpectGoodMoves(world.Decide()));
        world.Apply();
      }
      for (int turn = 0; turn < 2; ++turn) {
        ASSERT_NO_FATAL_FAILURE(ExpectGoodMoves(world.Decide())) << history;
        world.Apply();
      }
      world.Decide();
      const bool any = std::any_of(world.decision.members.begin(), world.decision.members.end(),
                                   [](const Member& member) { return member.usable(); });
      for (const std::string& ip : all) {
        const std::vector<int> found = world.NicsWith(ip);
        ASSERT_LE(found.size(), 1U) << ip << history;
        ASSERT_TRUE(world.inventory.addresses.contains(*IpAddress::Parse(ip))) << ip;
        if (!any) {
          continue;
        }
        ASSERT_EQ(found.size(), 1U) << ip;
        ASSERT_TRUE(world.facts.links.at(world.LinkNow(found[0])).admin_up) << ip;
        ASSERT_EQ(world.datapath.addresses.at({*IpAddress::Parse(ip)}).home,
                  world.decision.members.at(static_cast<size_t>(found[0])).home)
            << ip;
      }
    }
    // Every sequence settles.
    for (int turn = 0; turn < 4; ++turn) {
      world.now += absl::Hours(1);
      ASSERT_NO_FATAL_FAILURE(ExpectGoodMoves(world.Decide())) << history;
      world.Apply();
    }
    world.now += absl::Hours(1);
    const DatapathState before = world.datapath;
    EXPECT_THAT(world.Decide().relocations, IsEmpty()) << history;
    EXPECT_EQ(world.datapath, before) << history;
    EXPECT_EQ(world.decision.wake, absl::InfiniteFuture()) << history;
  }
}

}  // namespace
}  // namespace stronghost
