// What is known of the machine: plain values that `observe` fills and `decide` reads.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "agent/base/net_types.h"

namespace stronghost {

// One network interface, as RTM_NEWLINK tells (rtnetlink(7)).
struct LinkFact {
  IfIndex index = IfIndex::kNone;
  std::string name;
  MacAddress mac;
  bool admin_up = false;  // IFF_UP
  bool carrier = false;   // IFLA_CARRIER: the driver's own bit, not operstate
  uint32_t mtu = 0;
  IfIndex master = IfIndex::kNone;  // bridge, bond or VRF that it is enslaved to
  IfIndex parent = IfIndex::kNone;  // IFLA_LINK: what a VLAN or macvlan sits on (same namespace)
  uint32_t ifgroup = 0;             // IFLA_GROUP
  std::string kind;    // IFLA_INFO_KIND: "veth", "vlan", "bridge", ...; "" for hardware
  std::string driver;  // ethtool driver name; "" when not known

  bool operator==(const LinkFact&) const = default;
};

// One address of an interface (RTM_NEWADDR).
struct AddressFact {
  IfIndex link = IfIndex::kNone;
  IpPrefix ip;           // IFA_LOCAL and the prefix length
  uint32_t flags = 0;    // IFA_F_*
  uint8_t scope = 0;     // RT_SCOPE_*
  uint8_t protocol = 0;  // IFA_PROTO; 0 where the kernel has none
  uint32_t metric = 0;   // of its subnet's route (IFA_RT_PRIORITY); 0: the kernel's own choice
  IpAddress broadcast;   // IFA_BROADCAST; "::": none
  IpAddress peer;        // IFA_ADDRESS of a point-to-point address; "::": none
  std::string label;     // IFA_LABEL of an alias ("eth0:1"); "": the NIC's name
  // CLOCK_MONOTONIC, to a second (IFA_CACHEINFO); infinite: for good.
  absl::Time valid_until = absl::InfiniteFuture();
  absl::Time preferred_until = absl::InfiniteFuture();

  bool operator==(const AddressFact&) const = default;
};

// One entry of a neighbour cache (RTM_NEWNEIGH).
struct NeighborFact {
  IfIndex link = IfIndex::kNone;
  IpAddress ip;
  MacAddress mac;      // zero while it is being resolved
  uint16_t state = 0;  // NUD_*

  bool operator==(const NeighborFact&) const = default;
};

// One unicast route (RTM_NEWROUTE) through an interface; multipath routes appear once a next hop.
struct RouteFact {
  uint32_t table = 0;
  IpPrefix destination;  // network; length 0 is the default route
  std::optional<IpAddress> gateway;
  std::optional<IpAddress> source;  // RTA_PREFSRC
  IfIndex link = IfIndex::kNone;
  uint32_t metric = 0;
  uint8_t protocol = 0;    // RTPROT_*
  uint8_t scope = 0;       // RT_SCOPE_*
  uint32_t flags = 0;      // RTNH_F_ONLINK and friends
  bool multipath = false;  // one hop of several
  int8_t preference = 0;   // RTA_PREF (RFC 4191): -1 high, 0 medium, 1 low

  auto operator<=>(const RouteFact&) const = default;
};

// One policy rule (RTM_NEWRULE) with the selectors that the agent uses. Rules with selectors of
// other kinds are not reported: they are somebody else's.
struct RuleFact {
  int family = 0;  // AF_INET, AF_INET6
  uint32_t priority = 0;
  std::optional<IpPrefix> from;
  uint32_t table = 0;
  std::optional<uint32_t> suppress_prefix_length;
  std::optional<uint32_t> suppress_ifgroup;
  uint32_t mark = 0;       // fwmark, where mark_mask has a bit
  uint32_t mark_mask = 0;  // 0: whatever mark
  uint8_t protocol = 0;    // FRA_PROTOCOL

  auto operator<=>(const RuleFact&) const = default;
};

// A snapshot. Links by index; addresses, routes and rules as the kernel lists them.
struct Facts {
  std::map<IfIndex, LinkFact> links;  // std: decisions point into it while links come and go
  std::vector<AddressFact> addresses;
  std::vector<RouteFact> routes;  // tables main and the agent's own
  std::vector<RuleFact> rules;
  // Multicast MACs that each interface listens to by its own memberships (the groups in
  // /proc/net/igmp and igmp6).
  absl::btree_map<IfIndex, std::vector<MacAddress>> multicast;

  [[nodiscard]] const LinkFact* FindLink(const std::string& name) const {
    for (const auto& [index, link] : links) {
      if (link.name == name) {
        return &link;
      }
    }
    return nullptr;
  }
  [[nodiscard]] bool InVrf(const LinkFact& link) const {
    const auto master = links.find(link.master);
    return master != links.end() && master->second.kind == "vrf";
  }
};

}  // namespace stronghost
