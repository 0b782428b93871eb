// What the agent changed on the machine, so that a later run, or `detach` without one, can tell
// its own from others' and give everything back.
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "agent/decide/desired.h"
#include "agent/decide/inventory.h"

namespace stronghost {

// An interface by index and name: either alone may come to mean another one.
struct LinkId {
  IfIndex index = IfIndex::kNone;
  std::string name;

  auto operator<=>(const LinkId&) const = default;
};

struct AgentState {
  absl::btree_map<std::string, std::string> sysctls;  // path (sysctls.h) -> original value
  absl::btree_map<LinkId, uint32_t> ifgroups;         // -> original link group
  AddedAddresses addresses;
  absl::btree_set<FilterEntry> filters;
  // NICs that an operator took out of service; no change of the kernel, so it is in force with
  // Save().
  std::set<std::string> drains;
  // Where the members' addresses live: adopted ones are not added by the agent, but moved.
  Inventory inventory;

  bool operator==(const AgentState&) const = default;
  [[nodiscard]] bool IsEmpty() const { return *this == AgentState{}; }
};

// Which kernel state a record is about. It does not outlive either, and numbers are reused.
struct KernelInstance {
  std::string boot;   // /proc/sys/kernel/random/boot_id
  std::string netns;  // cookie of the network namespace (SO_NETNS_COOKIE), or its inode

  // Of the calling thread.
  static absl::StatusOr<KernelInstance> Current();
};

// <state_dir>/state.json, read once and held in memory; one section a network namespace, so that
// daemons of several namespaces may share the folder.
//
// Order that makes it crash-safe: Record...(), Save(), then change the kernel; undo the change,
// then Forget...(), Save(). A crash in between leaves a record without a change, which undoes
// nothing; never a change without a record. So record an addition only when it was seen to be
// missing: what was there before belongs to somebody else.
//
// Save() writes a temporary file, syncs it, renames it over the old one and syncs the folder, so
// the file is the old or the new one at any time. It blocks for that long: once a batch, and
// never on the way to a failover.
class StateFile {
 public:
  // Reads the state of `instance` under `state_dir`. A missing file, and one of an earlier boot,
  // are an empty state. A damaged file is kDataLoss, one of a newer version kFailedPrecondition:
  // going on without it could delete what others own or keep what is ours, so it is for a person
  // to decide; the message says how.
  static absl::StatusOr<StateFile> Load(const std::string& state_dir, KernelInstance instance);

  [[nodiscard]] const AgentState& state() const { return state_; }
  // When it was read, other network namespaces of this boot had a state in it.
  [[nodiscard]] bool had_others() const { return had_others_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  // All changes are in memory until Save(). Recording twice keeps the first original value;
  // forgetting what isn't there does nothing.
  void RecordSysctl(const std::string& path, const std::string& original);
  void ForgetSysctl(const std::string& path);
  void RecordIfgroup(const LinkId& link, uint32_t original);
  void ForgetIfgroup(const LinkId& link);
  void RecordAddress(const AddedAddress& address);
  void ForgetAddress(const AddedAddress& address);
  void RecordFilter(const FilterEntry& filter);
  void ForgetFilter(const FilterEntry& filter);
  void RecordDrain(const std::string& nic);
  void ForgetDrain(const std::string& nic);
  void ForgetDrains();
  void SetInventory(const Inventory& inventory);

  // Writes the state if it was changed since the last time; makes the folder where it is missing
  // (mode 0700). After an error the old file is in force and the next Save() tries again.
  absl::Status Save();
  // Save(), changed or not: shows whether the state can be written.
  absl::Status SaveAnew();

 private:
  StateFile(std::string state_dir, KernelInstance instance);

  std::string dir_;
  std::string path_;
  KernelInstance instance_;
  AgentState state_;
  bool had_others_ = false;
  bool dirty_ = false;
};

// The whole text of a file; also of those under /proc, which have no size. kNotFound: no such file.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

}  // namespace stronghost
