// What the machine should look like: the output of `decide`, the input of `act` and `datapath`.
// Plain values; the same order for the same input, so that two desired states can be compared.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "agent/base/net_types.h"
#include "agent/decide/facts.h"

namespace stronghost {

// The pair that BPF and the agent swap as one word (struct sh_path in maps/homes.h).
struct Path {
  IfIndex wire = IfIndex::kNone;
  IfIndex backup = IfIndex::kNone;

  auto operator<=>(const Path&) const = default;
};

// One slot of sh_homes together with its NIC's entry in sh_nics.
struct HomeState {
  HomeIndex index = HomeIndex::kNone;
  IfIndex link = IfIndex::kNone;  // the home's own interface
  std::string name;
  MacAddress mac;
  uint32_t group = 0;                 // from 1
  HomeIndex next = HomeIndex::kNone;  // ring of the group's homes
  bool stay = false;                  // mac mode in force
  bool weak = false;                  // host_model = "weak"
  bool alias = false;                 // the NIC is gone, its MAC is served by the wire
  bool watched = false;               // what its NIC hears of gateways is noted
  Path path;
  IfIndex linger = IfIndex::kNone;
  bool carrier = false;
  bool drained = false;
  bool vlan_children = false;

  auto operator<=>(const HomeState&) const = default;
};

// Who owns an address.
struct AddressOwner {
  HomeIndex home = HomeIndex::kNone;
  // IPv4: length of the widest subnet of the home that the address lies in, 1 to 32. IPv6: 0.
  uint8_t network = 0;

  auto operator<=>(const AddressOwner&) const = default;
};

// Everything the BPF maps hold, apart from counters.
struct DatapathState {
  absl::btree_map<HomeIndex, HomeState> homes;
  absl::btree_map<AddressKey, AddressOwner> addresses;
  absl::btree_map<IpPrefix, HomeIndex> prefixes;

  bool operator==(const DatapathState&) const = default;
};

// A kernel knob under /proc/sys/net, e.g. {"ipv4/conf/eth0/arp_announce", "2"}.
struct Sysctl {
  std::string path;
  std::string value;

  auto operator<=>(const Sysctl&) const = default;
};

// A MAC that a member accepts for a sibling (fdb entry with NTF_SELF), unicast or multicast.
struct FilterEntry {
  IfIndex link = IfIndex::kNone;
  MacAddress mac;

  auto operator<=>(const FilterEntry&) const = default;
};

// A copy of an address on the NIC that it moved away from; to be deleted as soon as `keeper` has
// it.
struct LeftAddress {
  IfIndex link = IfIndex::kNone;
  IpAddress ip;
  IfIndex keeper = IfIndex::kNone;

  auto operator<=>(const LeftAddress&) const = default;
};

// What the agent wants of the rest of the kernel. It adds what is missing, and removes only what
// carries its own protocol number (routes, rules) or stands in its state file (the others).
struct KernelState {
  std::vector<AddressFact> addresses;  // explicit [[group.address]] entries, on their homes
  // Addresses that were there before the agent, where they have to live now: they are added if
  // missing, and are not the agent's afterwards.
  std::vector<AddressFact> moved;
  std::vector<LeftAddress> left;
  // Routes of table main that went with a NIC which is back; not the agent's either.
  std::vector<RouteFact> restored_routes;
  // Routes of table main that went back to the NIC that they came from; whosever they are, they are
  // deleted where they led meanwhile.
  std::vector<RouteFact> returned_routes;
  std::vector<RouteFact> routes;  // the agent's per-home tables
  std::vector<RuleFact> rules;
  std::vector<FilterEntry> filters;
  std::vector<Sysctl> sysctls;
  absl::btree_map<IfIndex, uint32_t> ifgroups;  // link group of each member

  bool operator==(const KernelState&) const = default;
};

}  // namespace stronghost
