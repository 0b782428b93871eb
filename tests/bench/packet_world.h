// A server with two NICs of one group as the programs see it: interfaces in a namespace, and maps
// with one, a thousand, a hundred thousand addresses, all of them at home on the first NIC.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "tests/lib/netns.h"
#include "tests/packet/programs.h"

namespace stronghost::bench {

// The addresses: 198.18.0.0/15, which RFC 2544 keeps for benchmarks. Host order.
constexpr uint32_t kFirstAddress = 0xc6120000;
constexpr uint32_t kMostAddresses = 1U << 17;

IpAddress ManagedAddress(uint32_t number);

struct WorldNic {
  std::string name;
  uint32_t ifindex = 0;
  MacAddress mac;
};

// Three veths: h0 and h1 are members with the homes 1 and 2, u0 is in no group. The calling thread
// is in their namespace as long as this lives.
class PacketNics {
 public:
  static constexpr uint32_t kHome0 = 1;
  static constexpr uint32_t kHome1 = 2;

  static absl::StatusOr<std::unique_ptr<PacketNics>> Make();

  [[nodiscard]] const WorldNic& h0() const { return h0_; }
  [[nodiscard]] const WorldNic& h1() const { return h1_; }
  [[nodiscard]] const WorldNic& u0() const { return u0_; }

 private:
  PacketNics() = default;
  absl::Status MakeOne(WorldNic& nic);

  WorldNic h0_ = {"h0", 0, {{0x02, 0x00, 0x5e, 0x10, 0x00, 0x01}}};
  WorldNic h1_ = {"h1", 0, {{0x02, 0x00, 0x5e, 0x10, 0x00, 0x02}}};
  WorldNic u0_ = {"u0", 0, {{0x02, 0x00, 0x5e, 0x10, 0x00, 0x03}}};
  std::optional<lab::NetNs> netns_;
  std::optional<lab::NetNsScope> scope_;
};

// What of the maps differs from case to case.
struct MapState {
  bool stand_in = false;  // h1 carries h0
  bool stay = false;      // frames bear the wire's MAC
  bool guarded = false;   // XDP runs in the driver of both
};

// Loads the programs with `addresses` addresses.
absl::StatusOr<packet::Programs> LoadPrograms(const PacketNics& nics, uint32_t addresses);
absl::Status SetMapState(packet::Programs& programs, const PacketNics& nics, const MapState& state);

}  // namespace stronghost::bench
