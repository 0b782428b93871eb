// The I/O around group_paths.h: which MACs BPF listens for, what it noted, and the questions that
// are sent.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "agent/act/prober.h"
#include "agent/config/config.h"
#include "agent/datapath/gateway_slots.h"
#include "agent/decide/decide.h"
#include "agent/decide/gateway_view.h"
#include "agent/decide/group_paths.h"
#include "agent/decide/resolution.h"
#include "agent/observe/neighbor_memory.h"
#include "agent/serve/report.h"

namespace stronghost {

// A gateway as it is heard through a NIC, or the whole path of a NIC, has another state.
struct PathChange {
  std::string group;
  std::string nic;
  std::string gateway;  // its address; "": the path of the NIC
  // Of a gateway: "fine" | "dead" | "back" | "unresolved". Of a path: "fine" | "silent" (no gateway
  // answers, and nothing would be better) | "dead" (the NIC is suspect).
  std::string state;
  std::string cause;  // "" | "nic" | "cable" | "uplink" | "gateway" | "segment"
};

// What the watch looks at; all of one moment.
struct PathScene {
  const Config& config;
  const Facts& facts;
  const std::vector<Member>& members;
  const std::vector<RouteFact>& routes;  // of the agent's tables, as desired
  const NeighborMemory& neighbors;
  std::function<IfIndex(HomeIndex)> wire_of;
  absl::Time now;
};

class PathWatch {
 public:
  static constexpr absl::Duration kInterval = absl::Milliseconds(100);

  // One look at everything. What changed is in TakeChanges(), findings() and IsDead().
  void Look(const PathScene& scene, GatewaySlots& slots);

  // For Decide().
  [[nodiscard]] const PathFindings& findings() const { return findings_; }
  [[nodiscard]] bool IsDead(const std::string& nic) const;
  std::vector<PathChange> TakeChanges() { return std::exchange(changes_, {}); }
  // Gateways that the kernel is to ask for, on the NIC of a home: nobody answered it before.
  std::vector<std::pair<IfIndex, IpAddress>> TakeUnresolved() {
    return std::exchange(unresolved_, {});
  }
  // Why the last probe of some NIC could not be sent; OK: those of all NICs were.
  [[nodiscard]] absl::Status send_status() const {
    return refused_.empty() ? absl::OkStatus() : refused_.begin()->second;
  }

  // For status.
  void Describe(std::vector<GroupReport>& groups) const;
  // What is wrong, and the mend.
  [[nodiscard]] std::vector<std::string> Problems() const;

 private:
  // A watched host through one NIC.
  struct Target {
    MacAddress mac;
    std::vector<IpAddress> ips;
  };
  struct Nic {
    const Member* member = nullptr;  // of this look
    IfIndex wire = IfIndex::kNone;
    std::vector<Target> targets;
    UnresolvedGateways unresolved;
    // As last told.
    std::string state = "fine";
    PathCause cause = PathCause::kNone;
    absl::btree_map<IpAddress, absl::string_view> told;
  };
  struct Group {
    GroupPaths paths;
    std::vector<IpAddress> gateways;
    std::vector<IpAddress> hosts;      // that are watched: gateways, targets, or else neighbours
    std::vector<IpAddress> neighbors;  // that are watched for want of gateways and probe_targets
    absl::btree_map<IpAddress, MacAddress> macs;  // last known, on any member
    std::map<std::string, Nic> nics;
  };
  using Watched = std::pair<IfIndex, std::vector<MacAddress>>;

  void LookAt(const GroupConfig& config, Group& group, const PathScene& scene, GatewaySlots& slots,
              PathFindings& findings);
  static std::vector<IpAddress> Hosts(const GroupConfig& config, Group& group,
                                      const PathScene& scene);
  static std::vector<Target> Resolve(Group& group, const Member& member, const PathScene& scene);
  NicLook MakeLook(const Nic& nic, GatewaySlots& slots);
  void FindUnresolved(const GroupConfig& config, Group& group, const PathScene& scene);
  void FindDead(const Group& group, PathFindings& findings) const;
  void Note(const GroupConfig& config, Group& group);

  // The MAC under which `ip` is watched, and what is heard from it; nullptr: it is not.
  struct Heard {
    MacAddress mac;
    const GatewayHealth* health = nullptr;
  };
  static Heard HeardOf(const Nic& nic, const NicPath& path, const IpAddress& ip);
  static GatewayView ViewOf(const Nic& nic, const NicPath& path, const IpAddress& ip);
  static std::string SilentOnes(const Nic& nic, const NicPath& path);

  void Ask(const Nic& nic, const MacAddress& mac, bool broadcast, const PathScene& scene);
  void Call(const Nic& nic, const Group& group, const PathScene& scene);
  void AskNeighbors(const Nic& nic, const PathScene& scene);
  void Send(IfIndex link, const Frame& frame);

  std::map<std::string, Group> groups_;  // by name
  absl::btree_map<HomeIndex, Watched> watched_;
  PathFindings findings_;
  std::vector<PathChange> changes_;
  std::vector<std::pair<IfIndex, IpAddress>> unresolved_;
  Prober prober_;
  absl::btree_map<IfIndex, absl::Status> refused_;  // of the last probe of each NIC
};

}  // namespace stronghost
