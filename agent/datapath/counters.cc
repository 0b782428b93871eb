#include "agent/datapath/counters.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/base/status.h"

namespace stronghost {
namespace {

static_assert(SH_VERDICT_COUNT <= SH_VERDICT_SLOTS);

// The values of one home: its verdict slots, each with one counter per possible CPU.
class Values {
 public:
  static absl::StatusOr<Values> Make() {
    const int cpus = libbpf_num_possible_cpus();
    if (cpus <= 0) {
      return ErrnoError(cpus, "count the possible CPUs");
    }
    return Values(static_cast<size_t>(cpus));
  }

  sh_counter* of(size_t slot) { return values_.data() + slot * cpus_; }

  Counter Sum(size_t slot) {
    Counter sum;
    for (size_t cpu = 0; cpu < cpus_; ++cpu) {
      sum.packets += of(slot)[cpu].packets;
      sum.bytes += of(slot)[cpu].bytes;
    }
    return sum;
  }

 private:
  explicit Values(size_t cpus) : cpus_(cpus), values_(cpus * SH_VERDICT_SLOTS) {}

  size_t cpus_;
  std::vector<sh_counter> values_;
};

absl::Status ReadHome(int map_fd, HomeIndex home, Values* values) {
  const uint32_t first = SH_COUNTER_KEY(ToInt(home), 0);
  // A batch starts after the key that it is given.
  uint32_t before = first - 1;
  uint32_t position = 0;
  uint32_t count = SH_VERDICT_SLOTS;
  std::array<uint32_t, SH_VERDICT_SLOTS> keys{};
  if (bpf_map_lookup_batch(map_fd, first == 0 ? nullptr : &before, &position, keys.data(),
                           values->of(0), &count, nullptr) == 0 ||
      errno == ENOENT) {  // the end of the map
    return absl::OkStatus();
  }
  // Batches over per-CPU arrays came with Linux 5.13.
  for (uint32_t slot = 0; slot < SH_VERDICT_COUNT; ++slot) {
    const uint32_t key = first + slot;
    if (bpf_map_lookup_elem(map_fd, &key, values->of(slot)) != 0) {
      return ErrnoError(errno, absl::StrCat("read sh_counters of home ", ToInt(home)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

const char* VerdictName(size_t verdict) {
#define SH_VERDICT_NAME(constant, name, meaning) name,
  constexpr std::array<const char*, SH_VERDICT_COUNT> kNames = {SH_VERDICTS(SH_VERDICT_NAME)};
#undef SH_VERDICT_NAME
  return verdict < kNames.size() ? kNames.at(verdict) : "?";
}

absl::StatusOr<uint32_t> VerdictBits(const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (size_t verdict = SH_NONE + 1; verdict < SH_VERDICT_COUNT; ++verdict) {
    known.emplace_back(VerdictName(verdict));
  }
  uint32_t bits = 0;
  for (const std::string& name : names) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no verdict '", name, "'; name one of ", absl::StrJoin(known, ", ")));
    }
    bits |= 1U << (SH_NONE + 1 + (found - known.begin()));
  }
  return bits;
}

absl::StatusOr<HomeCounters> ReadCounters(int map_fd, const std::vector<HomeIndex>& homes) {
  ASSIGN_OR_RETURN(Values values, Values::Make());
  HomeCounters counters;
  for (const HomeIndex home : homes) {
    RETURN_IF_ERROR(ReadHome(map_fd, home, &values));
    VerdictCounters& verdicts = counters[home];
    for (size_t verdict = 0; verdict < verdicts.size(); ++verdict) {
      verdicts.at(verdict) = values.Sum(verdict);
    }
  }
  return counters;
}

absl::Status ResetCounters(int map_fd, HomeIndex home) {
  ASSIGN_OR_RETURN(Values zeros, Values::Make());
  for (uint32_t slot = 0; slot < SH_VERDICT_SLOTS; ++slot) {
    const uint32_t key = SH_COUNTER_KEY(ToInt(home), slot);
    if (bpf_map_update_elem(map_fd, &key, zeros.of(slot), BPF_ANY) != 0) {
      return ErrnoError(errno, absl::StrCat("reset sh_counters of home ", ToInt(home)));
    }
  }
  return absl::OkStatus();
}

}  // namespace stronghost
