// sh_counters, read.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "maps/counters.h"

namespace stronghost {

struct Counter {
  uint64_t packets = 0;
  uint64_t bytes = 0;

  bool operator==(const Counter&) const = default;
};

// By enum sh_verdict.
using VerdictCounters = std::array<Counter, SH_VERDICT_COUNT>;
// kNone counts the NICs of no group.
using HomeCounters = absl::btree_map<HomeIndex, VerdictCounters>;

// "out_pass", ...: the names of status, metrics and docs (SH_VERDICTS). "?" out of range.
const char* VerdictName(size_t verdict);

// 1 << verdict, of each that is named. InvalidArgument names all verdicts.
absl::StatusOr<uint32_t> VerdictBits(const std::vector<std::string>& names);

// The counters of these homes, summed over all CPUs; one system call a home.
absl::StatusOr<HomeCounters> ReadCounters(int map_fd, const std::vector<HomeIndex>& homes);

// Sets a home's counters to 0, for a slot that gets a new NIC.
absl::Status ResetCounters(int map_fd, HomeIndex home);

}  // namespace stronghost
