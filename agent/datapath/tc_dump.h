// The filters and the ingress qdisc of a NIC, as the kernel lists them (rtnetlink, tc(8)). libbpf
// can only ask for a filter whose place is known.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/base/net_types.h"

namespace stronghost {

enum class TcDirection { kIngress, kEgress };

struct TcFilter {
  uint32_t priority = 0;
  uint32_t protocol = 0;  // ETH_P_*, host order
  uint32_t chain = 0;
  uint32_t handle = 0;
  std::string kind;         // "bpf", "flower", ...
  std::string name;         // of a bpf filter
  uint32_t program_id = 0;  // of a bpf filter with an eBPF program; else 0
};

// Filters of one direction of a clsact qdisc, in the order in which they run. Empty without qdisc.
absl::StatusOr<std::vector<TcFilter>> ListFilters(IfIndex link, TcDirection direction);

// Kind of the qdisc that holds the ingress hook: "clsact", "ingress" or "" for none.
absl::StatusOr<std::string> IngressQdisc(IfIndex link);

}  // namespace stronghost
