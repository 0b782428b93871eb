// sh_homes as mapped memory: the agent's half of the words that BPF and the agent share.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "agent/datapath/mapped_array.h"
#include "agent/decide/desired.h"
#include "maps/homes.h"

namespace stronghost {

// Whether a write of a home also stores its path.
enum class WritePath {
  kYes,
  kNo,  // the path is left to ReadPath/CompareAndSwapPath: BPF may be changing it
};

// Owns the mapping, not the map. Move-only. The programs read at any moment: each field is stored
// whole, only a MAC takes two stores.
class HomeSlots {
 public:
  // `map_fd` may be closed afterwards.
  static absl::StatusOr<HomeSlots> Map(int map_fd);

  // SH_LAYOUT_VERSION, in slot 0.
  void StampLayoutVersion();

  // SH_GLOBAL_PREFIXES, in slot 0: whether the programs ask sh_prefixes.
  void SetPrefixesInUse(bool in_use);
  // SH_GLOBAL_SOURCES: whether they ask sh_source_routes.
  void SetSourcesInUse(bool in_use);

  // One aligned 64-bit load, or compare-and-swap. An index out of range reads as no path, and is
  // not written.
  [[nodiscard]] Path ReadPath(HomeIndex index) const;
  [[nodiscard]] bool CompareAndSwapPath(HomeIndex index, Path expected, Path desired);

  // Everything that maps/homes.h has of `home` but what BPF writes, the path last. A slot that
  // another NIC had is cleared first.
  absl::Status Write(const HomeState& home, WritePath path);
  // The path first.
  void Clear(HomeIndex index);

  // What a live slot (it has a wire) says; name, carrier, drained and vlan_children are not in it.
  [[nodiscard]] std::optional<HomeState> Read(HomeIndex index) const;
  // Whether anything is left in the slot, live or not.
  [[nodiscard]] bool InUse(HomeIndex index) const;

 private:
  explicit HomeSlots(MappedArray<sh_home> homes) : homes_(std::move(homes)) {}
  [[nodiscard]] sh_home* Slot(HomeIndex index) const { return homes_.Slot(index); }
  void SetGlobal(uint32_t flag, bool on);
  void StorePath(HomeIndex index, Path path);

  MappedArray<sh_home> homes_;
};

}  // namespace stronghost
