// A group of NICs of which the first has an address of each family, for the tests of where
// addresses live.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <vector>

#include "tests/unit/decide_world.h"

namespace stronghost {

constexpr char kV4[] = "198.51.100.1";
constexpr char kV6[] = "2001:db8::1";

class ResidenceTest : public ::testing::Test {
 protected:
  explicit ResidenceTest(int nics = 2) : world(nics) {
    world.config.groups[0].failback = absl::Seconds(5);
    world.AddAddress(0, "198.51.100.1/24");
    world.AddAddress(0, "2001:db8::1/64");
    world.AddAddress(1, "198.51.100.2/24");
    Step();
  }
  // Decides, makes it true, decides again on what is true then.
  void Step(absl::Duration later = absl::ZeroDuration()) {
    world.now += later;
    world.Decide();
    relocations = world.decision.relocations;
    world.Apply();
    world.Decide();
  }
  void ExpectAt(int nic) {
    for (const char* ip : {kV4, kV6}) {
      EXPECT_THAT(world.NicsWith(ip), ::testing::ElementsAre(nic)) << ip;
      EXPECT_EQ(world.datapath.addresses.at({*IpAddress::Parse(ip)}).home,
                world.decision.members.at(static_cast<size_t>(nic)).home);
    }
  }
  static RouteFact DefaultRoute() {
    return {.table = RT_TABLE_MAIN,
            .destination = *IpPrefix::Parse("0.0.0.0/0"),
            .gateway = *IpAddress::Parse("198.51.100.254"),
            .link = DecideWorld::Link(0),
            .metric = 100,
            .protocol = RTPROT_STATIC};
  }
  const Residence& Of(const char* ip) {
    return world.inventory.addresses.at(*IpAddress::Parse(ip));
  }

  DecideWorld world;
  std::vector<Relocation> relocations;
};

class ThreeNics : public ResidenceTest {
 protected:
  ThreeNics() : ResidenceTest(3) {}
};

}  // namespace stronghost
