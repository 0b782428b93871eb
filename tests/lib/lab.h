// The lab: a server with several NICs, a switch that is a real Linux bridge, clients, a gateway and
// a network behind it, each in a network namespace of its own. See lab_plan.h for the picture.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/lib/lab_plan.h"
#include "tests/lib/netns.h"
#include "tests/lib/rtnl.h"

namespace stronghost::lab {

// CLOCK_MONOTONIC, nanoseconds, before and after the kernel was told. The link changes in between.
struct CableEvent {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

struct ContainerOptions {
  bool ipv6 = false;  // also 2001:db8:c::/64; turns IPv6 forwarding on in the server
  // False: their addresses are seen outside, and the gateway has to know the way to them.
  bool masquerade = true;
};

// Everything is removed at destruction; objects that hold sockets in the namespaces (captures,
// streams) and processes should go first. Not for use from several threads at once, except the
// namespaces.
class Lab {
 public:
  // Builds the lab; on return every link is up and forwarding and every address usable, and all
  // neighbour caches are empty. Sweeps what dead tests left, once per process.
  static absl::StatusOr<std::unique_ptr<Lab>> Create(const LabOptions& options = {});

  [[nodiscard]] const LabPlan& plan() const { return plan_; }

  [[nodiscard]] NetNs& server() { return *server_; }
  [[nodiscard]] NetNs& switch_netns() { return *switch_; }
  [[nodiscard]] NetNs& client(int client = 0) { return clients_.at(static_cast<size_t>(client)); }
  [[nodiscard]] NetNs& gateway() { return gateway_.value(); }  // only with options.gateway
  [[nodiscard]] NetNs& far() { return far_.value(); }

  // A cable of the server: its switch side goes down or up, the NIC loses or gets its carrier.
  absl::StatusOr<CableEvent> PullCable(int nic);
  absl::StatusOr<CableEvent> PlugCable(int nic);
  // The NIC itself, as `ip link set eth0 down` does. Down makes the kernel drop IPv6 addresses.
  absl::StatusOr<CableEvent> SetAdmin(int nic, bool up);
  // The NIC is gone: pulled out of its slot, with its cable.
  absl::StatusOr<CableEvent> RemoveNic(int nic);
  // A NIC of that name and MAC is there again, up, with nothing but its link-local address. Returns
  // when its port forwards.
  absl::Status InsertNic(int nic);
  // The uplink behind the port is dead while the carrier stays: the port leaves its bridge.
  absl::StatusOr<CableEvent> CutUplink(int nic);
  absl::StatusOr<CableEvent> MendUplink(int nic);
  // Waits until the NIC has (or hasn't) carrier and, if up, its port forwards.
  absl::Status AwaitLink(int nic, bool up, absl::Duration deadline = absl::Seconds(5));

  // A container of the server: a namespace behind the bridge cbr0 with 192.0.2.129/25, its traffic
  // masqueraded by nftables. Turns IPv4 forwarding on in the server. The first container's options
  // count for the bridge. Containers are 192.0.2.130,
  // 192.0.2.131 ... and 2001:db8:c::130 ...; the namespace lives as long as the lab.
  absl::StatusOr<NetNs*> AddContainer(const ContainerOptions& options = {});
  [[nodiscard]] static IpAddress ContainerAddress(int container, int family);

 private:
  explicit Lab(LabOptions options) : plan_(std::move(options)) {}
  absl::Status MakeNamespaces();
  absl::Status MakeLinks();
  absl::Status SetOffloads();
  absl::Status OpenControls();
  absl::Status AwaitReady();
  absl::Status MakeContainerBridge(const ContainerOptions& options);

  LabPlan plan_;
  std::optional<NetNs> server_;
  std::optional<NetNs> switch_;
  std::optional<NetNs> gateway_;
  std::optional<NetNs> far_;
  std::vector<NetNs> clients_;
  std::deque<NetNs> containers_;  // addresses of elements stay valid
  bool container_ipv6_ = false;

  std::optional<Rtnl> switch_rtnl_;
  std::optional<Rtnl> server_rtnl_;
  std::vector<int> port_index_;    // of each NIC's port, in the switch
  std::vector<int> nic_index_;     // of each NIC, in the server
  std::vector<int> bridge_index_;  // of each segment's bridge
};

// Removes what test processes that were killed left behind: namespaces, cgroups, pin folders,
// folders under /tmp.
void SweepLeftOvers();

}  // namespace stronghost::lab
