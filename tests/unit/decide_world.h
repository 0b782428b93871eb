// A small pure world for the tests of `decide`: groups of NICs whose links can be set.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/decide/decide.h"

namespace stronghost {

// One group "front" with NICs n0, n1, ... (ifindex 10, 11, ...; MAC 02:00:00:00:00:0i), all up.
class DecideWorld {
 public:
  explicit DecideWorld(int nics, std::vector<std::string> standby = {}) {
    GroupConfig group{.name = "front", .standby = std::move(standby)};
    for (int i = 0; i < nics; ++i) {
      group.nics.push_back(absl::StrCat("n", i));
      LinkFact link{.index = Link(i),
                    .name = group.nics.back(),
                    .admin_up = true,
                    .carrier = true,
                    .mtu = 1500,
                    .kind = "veth",
                    .driver = "veth"};
      link.mac.bytes = {2, 0, 0, 0, 0, static_cast<uint8_t>(i + 1)};
      facts.links[link.index] = link;
    }
    config.groups.push_back(std::move(group));
  }

  static IfIndex Link(int i) { return IfIndex{static_cast<uint32_t>(10 + i)}; }

  void SetCarrier(int i, bool carrier) { facts.links[Link(i)].carrier = carrier; }

  void AddAddress(int i, const std::string& prefix) {
    facts.addresses.push_back({.link = Link(i), .ip = *IpPrefix::Parse(prefix)});
  }

  // Decides at `now`, remembers, and returns the decision.
  const Decision& Decide() {
    decision = stronghost::Decide({config, facts, memory, datapath, drained, now});
    memory = decision.memory;
    datapath = decision.datapath;
    return decision;
  }

  // What a flip by BPF leaves behind.
  void FlipInKernel(int i) {
    HomeMemory& home = memory[HomeOf(i)];
    home.path = {home.path.backup, IfIndex::kNone};
    home.usable_since = now;
  }

  HomeIndex HomeOf(int i) const {
    for (const auto& [index, home] : datapath.homes) {
      if (home.link == Link(i)) {
        return index;
      }
    }
    return HomeIndex::kNone;
  }

  Path PathOf(int i) const { return datapath.homes.at(HomeOf(i)).path; }

  Config config;
  Facts facts;
  Memory memory;
  DatapathState datapath;
  std::set<std::string> drained;
  absl::Time now = absl::FromUnixSeconds(1000);
  Decision decision;
};

}  // namespace stronghost
