// sh_nics, and in it the one thing that two parties decide: where guard runs on a NIC. The NIC's
// home writes the rest.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "agent/datapath/map_io.h"
#include "agent/datapath/report.h"
#include "agent/decide/desired.h"
#include "maps/nics.h"

namespace stronghost {

class NicMap {
 public:
  // `map_fd` is borrowed. Reads where guard runs from the entries of an earlier run: a guard that
  // still runs generic must find its flag.
  static absl::StatusOr<NicMap> Load(int map_fd);

  // Writes the entry of the home's NIC.
  absl::Status Put(const HomeState& home) const;
  absl::Status Delete(const std::vector<IfIndex>& links) const;

  // Writes the entries of all homes that differ from what is there.
  absl::Status PutChanged(const absl::btree_map<HomeIndex, HomeState>& homes) const;
  // Deletes the entries of NICs that are no home.
  absl::Status DeleteOthers(const absl::btree_map<HomeIndex, HomeState>& homes) const;

  // Says where guard runs on the NIC from now on, in its entry too if it has one. deliver leaves
  // the guarding to a native guard, and a generic one must know what it is: say kNative after the
  // program is attached and take it back before it is detached; kGeneric the other way round.
  absl::Status SetGuard(IfIndex link, XdpKind kind);
  [[nodiscard]] XdpKind Guard(IfIndex link) const;

  [[nodiscard]] absl::StatusOr<absl::btree_map<IfIndex, sh_nic>> ReadAll() const;

 private:
  explicit NicMap(int map_fd) : map_(map_fd, "sh_nics") {}

  [[nodiscard]] sh_nic EntryOf(const HomeState& home) const;

  TypedMap<uint32_t, sh_nic> map_;
  absl::btree_map<IfIndex, XdpKind> guards_;
};

}  // namespace stronghost
