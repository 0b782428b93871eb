// A small world for the programs: six NICs in a network namespace of the test's own, and the maps
// as an agent would have filled them.
//
//     group 1   h0 (home 1), h1 (home 2), h2 (home 3)   one segment
//     group 2   b0 (home 4)                             another segment
//     u0        in no group
//
// Each NIC is a veth; the other end of hN is pN, that of b0 pb, that of u0 pu. Every home is its
// own wire; h0's backup is h1. The three homes of group 1 all have the link-local address fe80::1.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/base/net_types.h"
#include "tests/lib/frame_layers.h"
#include "tests/lib/netns.h"
#include "tests/packet/programs.h"

namespace stronghost::packet {

enum class Family { kV4, kV6 };

struct Nic {
  std::string name;
  std::string peer;
  uint32_t ifindex = 0;
  uint32_t home = SH_HOME_NONE;  // index in sh_homes
  uint32_t group = 0;
  MacAddress mac;
  IpAddress v4;
  IpAddress v6;
  IpAddress link_local;

  [[nodiscard]] const IpAddress& Address(Family family) const {
    return family == Family::kV4 ? v4 : v6;
  }
};

class ProgramFixture : public testing::Test {
 protected:
  void SetUp() override;

  // Loads the programs again, with empty counters and the maps as at first.
  void Reload(bool can_read_carrier);

  // One frame through one program; failures of the machinery are failures of the test.
  Outcome Run(Program program, const Nic& nic, const Bytes& frame,
              const std::optional<Mark>& mark = std::nullopt);
  Outcome Steer(const Nic& nic, const Bytes& frame) { return Run(Program::kSteer, nic, frame); }
  Outcome Deliver(const Nic& nic, const Bytes& frame) { return Run(Program::kDeliver, nic, frame); }
  Outcome Guard(const Nic& nic, const Bytes& frame) { return Run(Program::kGuard, nic, frame); }

  // Changes of the maps. A path's backup is none unless given.
  void SetPath(const Nic& home, const Nic& wire);
  void SetPath(const Nic& home, const Nic& wire, const Nic& backup);
  void ChangeHome(uint32_t index, const std::function<void(sh_home&)>& change);
  void AddFlags(const Nic& home, uint32_t flags);
  void SetLinger(const Nic& home, const Nic& nic);
  void SetNicFlags(const Nic& nic, uint32_t flags);
  void SetAddress(const IpAddress& address, uint32_t scope, uint32_t home, uint8_t network = 0);
  [[nodiscard]] sh_path Path(const Nic& home) const;
  std::vector<sh_event> TakeEvents();

  // Takes the carrier of a NIC away by setting its peer down, or gives it back.
  void SetCarrier(const Nic& nic, bool carrier);

  [[nodiscard]] Programs& programs() { return *programs_; }
  [[nodiscard]] const lab::NetNs& netns() const { return *netns_; }

  Nic h0_, h1_, h2_, b0_, u0_;

 private:
  void MakeNics();
  void FillMaps();

  std::optional<lab::NetNs> netns_;
  std::optional<lab::NetNsScope> scope_;
  std::optional<Programs> programs_;
};

// Suffix of a parameterised test's name.
std::string FamilyName(const testing::TestParamInfo<Family>& info);

}  // namespace stronghost::packet
