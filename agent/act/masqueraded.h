// Sessions that depend on where an address lives.
#pragma once

#include <cstdint>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "agent/base/net_types.h"

namespace stronghost {

// How many connections of others this host masquerades as each of `addresses`; those with none are
// left out. The kernel ends them when the address leaves its NIC
// (net/netfilter/nf_nat_masquerade.c). Source NAT to a fixed address counts as well: conntrack does
// not tell them apart. Empty where there is no connection tracking. Of the calling thread's network
// namespace. Reads the whole table, so it takes the longer the more connections there are.
absl::StatusOr<absl::btree_map<IpAddress, uint64_t>> CountMasqueraded(
    absl::Span<const IpAddress> addresses);

}  // namespace stronghost
