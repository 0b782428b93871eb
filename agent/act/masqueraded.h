// Sessions that depend on where an address lives.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "agent/base/net_types.h"

namespace stronghost {

// How many connections of others this host masquerades as one of `addresses`: the kernel ends them
// when the address leaves its NIC (net/netfilter/nf_nat_masquerade.c). Source NAT to a fixed
// address counts as well: conntrack does not tell them apart. 0 where there is no connection
// tracking. Of the calling thread's network namespace. Reads the whole table: about a microsecond
// for each connection.
absl::StatusOr<uint64_t> CountMasqueraded(absl::Span<const IpAddress> addresses);

}  // namespace stronghost
