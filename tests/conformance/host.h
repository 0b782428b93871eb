// A multihomed host in one of the topologies of RFC 1122 section 3.3.4.1, with Stronghost or as
// plain Linux, and its neighbourhood. It has two addresses of each family:
//
//     a   one NIC in two logical networks       eth0: 198.51.100.1/24 and 192.0.2.2/25
//     b1  two logical hosts on one NIC          eth0: 198.51.100.1/24 and 198.51.100.2/24
//     b2  two logical hosts on two NICs         eth0: 198.51.100.1/24, eth1: 198.51.100.2/24
//     c   two NICs in two networks              eth0: 198.51.100.1/24, eth1: 192.0.2.2/25
//
// IPv6 likewise. Each address has a gateway of its own (of IPv6 by its link-local address), the
// first address a second one. In c the gateways drop what comes from foreign sources (BCP 38).
// Table main leads through the first address's gateway, and with higher metrics through the
// others.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lib/agent.h"
#include "tests/lib/capture.h"
#include "tests/lib/cgroup.h"
#include "tests/lib/lab.h"
#include "tests/lib/udp_socket.h"

namespace stronghost::lab {

enum class Topology { kA, kB1, kB2, kC };

std::string NameOf(Topology topology);  // "a", "b1", "b2", "c"

// Somebody to talk to.
struct Peer {
  NetNs* netns = nullptr;
  IpAddress address;
};

class Host {
 public:
  // On return it is at work, and its agent has its gateways in force.
  static absl::StatusOr<std::unique_ptr<Host>> Create(Topology topology, bool stronghost);

  [[nodiscard]] Topology topology() const { return topology_; }
  [[nodiscard]] bool stronghost() const { return agent_.has_value(); }
  Lab& lab() { return *lab_; }
  Agent& agent() { return *agent_; }  // only with Stronghost

  [[nodiscard]] bool HasTwoNics() const { return topology_ >= Topology::kB2; }
  [[nodiscard]] bool HasTwoNetworks() const {
    return topology_ == Topology::kA || topology_ == Topology::kC;
  }
  // Of the host; `which` is 0 or 1.
  [[nodiscard]] IpAddress Address(int which, int family) const;
  [[nodiscard]] int NicOf(int which) const { return HasTwoNics() ? which : 0; }
  [[nodiscard]] int nic_count() const { return HasTwoNics() ? 2 : 1; }
  // Of the address, or the second one of the first address.
  [[nodiscard]] IpAddress Gateway(int which, int family) const;
  [[nodiscard]] static MacAddress GatewayMac(int which) { return LabPlan::GatewayMac(which); }
  static constexpr int kSecondGateway = 2;

  // A neighbour in the network of the address.
  Peer Neighbour(int which, int family);
  // The neighbours and a host far behind the gateways.
  std::vector<Peer> Peers(int family);

  // A UDP socket whose answers the agent may mend.
  absl::StatusOr<UdpSocket> Udp(int family) {
    return UdpSocket::Open(lab().server(), family, &*cgroup_);
  }
  // What leaves the NIC.
  absl::StatusOr<std::unique_ptr<Capture>> Watch(int nic);
  // ifindex in the host.
  absl::StatusOr<uint32_t> Interface(int nic);

 private:
  explicit Host(Topology topology) : topology_(topology) {}
  absl::Status MakeNetworks();
  absl::Status MakeGateways();
  absl::Status MakeHost();
  absl::Status StartAgent();
  [[nodiscard]] std::string GroupsToml() const;

  Topology topology_;
  std::unique_ptr<Lab> lab_;
  std::optional<Cgroup> cgroup_;
  std::optional<Agent> agent_;
};

}  // namespace stronghost::lab
