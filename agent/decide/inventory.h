// What is known of the members' addresses and NICs beyond the moment: it lives on in the state file
// when a NIC goes, and says what has to be served elsewhere then. Plain values.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "agent/base/net_types.h"
#include "agent/decide/facts.h"

namespace stronghost {

// Where a managed address lives. Link-local addresses are not among them: they live and die with
// their NIC.
struct Residence {
  int length = 0;        // of the prefix
  uint32_t flags = 0;    // IFA_F_*, as last seen
  uint8_t scope = 0;     // RT_SCOPE_*
  uint8_t protocol = 0;  // IFA_PROTO
  uint32_t metric = 0;   // as in AddressFact, like the next ones
  IpAddress broadcast;
  IpAddress peer;
  std::string label;  // the last that it had: a NIC of another name gives it none
  absl::Time valid_until = absl::InfiniteFuture();
  absl::Time preferred_until = absl::InfiniteFuture();
  std::string origin;  // NIC that it belongs to: configured, found there, or moved there by hand
  std::string home;    // NIC that it lives on now; another than the origin: it is relocated
  std::set<std::string> left;  // NICs that may still have it since it moved away from there
  std::string configured;      // home that the configuration gives it; "": found on a NIC
  bool adopted = false;        // was on its NIC before the agent: not the agent's to remove
  bool settled = false;        // the kernel has had it on `home` since it came there
  bool ordered = false;        // an operator wants it on its origin at once

  [[nodiscard]] bool relocated() const { return home != origin; }
  bool operator==(const Residence&) const = default;
};

// What a NIC was when it was last up.
struct KnownNic {
  IfIndex link = IfIndex::kNone;
  MacAddress mac;  // zero: not known, or alive in another network namespace
  // Of table main through it, those that the kernel doesn't make by itself.
  std::vector<RouteFact> routes;
  bool routes_lost = false;  // the kernel dropped them: they are put back when the NIC is
  // Those that an operator's move of its last (IPv4) address took along: they come back when he
  // moves an IPv4 address here.
  std::vector<RouteFact> lent;
  // Those of another NIC that it had meanwhile and that went back: to be deleted here.
  std::vector<RouteFact> returned;

  bool operator==(const KnownNic&) const = default;
};

// An address that the agent added to an interface.
struct AddedAddress {
  std::string link;
  IpPrefix ip;

  auto operator<=>(const AddedAddress&) const = default;
};
using AddedAddresses = absl::btree_set<AddedAddress>;

struct Inventory {
  absl::btree_map<IpAddress, Residence> addresses;
  absl::btree_map<std::string, KnownNic> nics;

  bool operator==(const Inventory&) const = default;
};

}  // namespace stronghost
