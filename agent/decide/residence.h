// Which NIC an address lives on: adoption, relocation and the way back. Pure.
//
//   its NIC (the origin)                       | then the address lives
//   -------------------------------------------+----------------------------------------------------
//   there and set up                           | on it
//   removed, renamed away, set down            | on the survivor, at once
//   without carrier for `relocate_after`       | on the survivor
//   usable again for `failback`                | on it again; never with "never"
//
// The survivor is one for all addresses of a NIC, so that its MAC has one place: the NIC that
// stands in for it already, else the best usable member by the rule of placement.h. Once chosen it
// is kept until it has to be left itself. Without a usable member nothing moves.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "agent/decide/inventory.h"
#include "agent/decide/members.h"
#include "agent/decide/placement.h"

namespace stronghost {

// The NIC that an address moved away from accepts frames for it for this long, where it still can:
// as long as a neighbour cache may hold the old MAC without asking (RFC 4861 section 10:
// REACHABLE_TIME x MAX_RANDOM_FACTOR, DELAY_FIRST_PROBE_TIME, MAX_UNICAST_SOLICIT x RETRANS_TIMER).
constexpr absl::Duration kMoveLinger = absl::Seconds(60);

// Not unspecified, multicast or loopback.
bool IsManageable(const IpAddress& ip);

// An address that somebody else made, to be made on `link` as it was last seen; but with
// IFA_F_NODAD, and with its label only where that begins with the name of `link`.
AddressFact MovedFact(const IpAddress& ip, const Residence& residence, const LinkFact& link);

// Brings the inventory up to what is configured and found. An address that somebody deleted from a
// NIC that is up is forgotten; one that went with its NIC is not, nor one of a NIC that was down
// for a moment (`bounced`). `added`: what the agent itself added, so that it is not taken for
// somebody else's.
Inventory TakeStock(const Config& config, const Facts& facts, const std::vector<Member>& members,
                    const AddedAddresses& added, const Inventory& previous,
                    const std::set<IfIndex>& bounced, absl::Time now);

// The inventory of a run that may have been killed before it could write down where an address
// lives now: on the NIC that the maps it left name as the owner, if the kernel has it there. (It
// may have it where it lived before as well.) To be called once, before the first decision.
Inventory FollowOwners(Inventory inventory, const Facts& facts, const DatapathState& left);

// Addresses that get another home.
struct Relocation {
  std::string from;
  std::string to;
  std::string cause;  // "gone", "down", "carrier", "failback", "moved"
  std::vector<IpAddress> addresses;

  bool operator==(const Relocation&) const = default;
};

struct Residences {
  Inventory inventory;
  std::vector<Relocation> relocations;
  absl::Time wake = absl::InfiniteFuture();  // when to decide again although nothing happens
  std::vector<std::string> problems;
};

// `memory` says who stands in for whom, `previous` who did for a NIC that is gone.
Residences Relocate(Inventory inventory, const Facts& facts, const std::vector<Member>& members,
                    const Memory& memory, const DatapathState& previous, const Reach& reach,
                    absl::Time now);

// An operator wants `address`, which is in the inventory, on `nic`, which is another member: the
// next Relocate() takes it there. Where it stands in already nothing is left to take along, so the
// routes of the NIC that it belonged to are `nic`'s at once, unless it has other addresses.
void OrderMove(Inventory& inventory, const Facts& facts, const IpAddress& address,
               const std::string& nic);

// Whether `nic` has an IPv4 address that it keeps. Without one the kernel drops its IPv4 routes.
bool KeepsIpv4(const Facts& facts, const LinkFact& link, const std::string& nic,
               const Inventory& inventory);

// The homes that missing NICs leave behind while their addresses live elsewhere (mac = "follow"):
// peers that still know the old MAC are served under it. Their wire is the new home's. `previous`:
// indexes are kept.
// None for a NIC whose link or MAC lives on under another name or in another network namespace.
std::vector<HomeState> HomesLeftBehind(const Facts& facts, const Inventory& inventory,
                                       const std::vector<Member>& members, const Memory& memory,
                                       const DatapathState& previous);

}  // namespace stronghost
