// Random sequences of failures and traffic: what must never happen, whatever the order.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/path_world.h"

namespace stronghost {
namespace {

class GroupPathsRandomTest : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(, GroupPathsRandomTest, testing::Range(0, 40));

// As the agent does it: a suspect NIC's home has another wire, while there is one.
void PlaceWires(PathWorld& world, int nics) {
  bool better = false;
  for (int i = 0; i < nics; ++i) {
    better |= world.paths.nics.contains(PathWorld::Name(i)) && world.Nic(i).usable() &&
              world.Path(i).state != PathState::kDead;
  }
  for (int i = 0; i < nics; ++i) {
    world.Nic(i).own_wire =
        world.Nic(i).usable() && !(better && world.paths.nics.contains(PathWorld::Name(i)) &&
                                   world.Path(i).state == PathState::kDead);
  }
}

TEST_P(GroupPathsRandomTest, KeepsItsRules) {
  std::mt19937 random(static_cast<uint32_t>(GetParam()));
  const int nics = 2 + static_cast<int>(random() % 3);
  const int gateways = 1 + static_cast<int>(random() % 3);
  PathWorld world(nics, gateways);
  absl::Time idle_since = world.now;
  for (int step = 0; step < 300; ++step) {
    const int nic = static_cast<int>(random() % static_cast<uint32_t>(nics));
    const int gateway = static_cast<int>(random() % static_cast<uint32_t>(gateways));
    const auto flip = [](std::set<int>& set, int i) {
      if (!set.erase(i)) {
        set.insert(i);
      }
    };
    switch (random() % 6) {
      case 0:
        flip(world.connected, nic);
        break;
      case 1:
        flip(world.alive, gateway);
        break;
      case 2:
        world.Nic(nic).carrier = !world.Nic(nic).carrier;
        break;
      case 3:
        world.others = !world.others;
        break;
      default:
        break;
    }
    const bool idle = random() % 3 == 0;
    if (!idle) {
      idle_since = absl::InfiniteFuture();
    } else if (idle_since == absl::InfiniteFuture()) {
      idle_since = world.now;
    }
    const auto looks = static_cast<int>(random() % 100);
    for (int i = 0; i < looks; ++i) {
      PlaceWires(world, nics);
      world.traffic.clear();
      if (!idle && world.Nic(nic).own_wire) {
        world.traffic = {{.nic = nic, .to = gateway, .answered = random() % 2 == 0}};
      }
      const int probes = world.Probes() + world.calls + world.witnesses;
      const GroupPaths before = world.paths;
      world.Step();
      // No word of ours on an idle host.
      if (idle_since + kBusy + kProbeInterval < world.now) {
        ASSERT_EQ(world.Probes() + world.calls + world.witnesses, probes);
      }
      for (int n = 0; n < nics; ++n) {
        const auto was = before.nics.find(PathWorld::Name(n));
        if (was == before.nics.end() || was->second.state == PathState::kDead ||
            world.Path(n).state != PathState::kDead) {
          continue;
        }
        // Suspect: then another one works.
        bool better = false;
        for (int other = 0; other < nics; ++other) {
          for (const auto& [mac, health] : world.Path(other).gateways) {
            better |= other != n && health.proven(world.now);
          }
        }
        ASSERT_TRUE(better);
      }
    }
  }
  EXPECT_GE(world.shortest_interval, kProbeInterval) << "RFC 1122 section 2.3.2.1";

  // When all is well again and there is traffic, all is found well.
  for (int i = 0; i < nics; ++i) {
    world.connected.insert(i);
    world.Nic(i).carrier = true;
  }
  for (int i = 0; i < gateways; ++i) {
    world.alive.insert(i);
  }
  for (int i = 0; i < 12'000; ++i) {
    PlaceWires(world, nics);
    world.traffic.clear();
    for (int n = 0; n < nics; ++n) {
      if (world.Nic(n).own_wire) {
        world.traffic.push_back({.nic = n, .to = i % gateways});
      }
    }
    world.Step();
  }
  for (int n = 0; n < nics; ++n) {
    EXPECT_NE(world.Path(n).state, PathState::kDead) << n;
    EXPECT_EQ(world.Path(n).cause, PathCause::kNone) << n;
    for (int g = 0; g < gateways; ++g) {
      EXPECT_EQ(world.State(n, g), GatewayState::kFine) << n << " " << g;
    }
  }
}

}  // namespace
}  // namespace stronghost
