// The pin folder: maps as sh_*, what was attached to NICs under links/. Everything the agent did
// to the network hooks can be read from it, so it can be undone without the daemon.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/base/net_types.h"
#include "agent/base/unique_fd.h"

namespace stronghost {

// Entries of links/ that belong to one NIC, named IFINDEX-KIND. The first three are pinned links,
// the others empty folders that remember what leaves no pin.
enum class NicPin {
  kSteer,    // tcx egress
  kDeliver,  // tcx ingress
  kGuard,    // XDP
  kClsact,   // our filters are on the NIC's clsact qdisc
  kQdisc,    // and we made that qdisc
};

// sh_homes of other layouts, while programs that use them may be in force: this and the map's id.
inline constexpr char kHomesBefore[] = "sh_homes_before_";

// An open, locked pin folder. Only one process has it at a time; the lock ends with the process.
// Move-only.
class PinFolder {
 public:
  // Finds (see bpffs.h) or creates the folder and locks it. FAILED_PRECONDITION when another
  // process holds it.
  static absl::StatusOr<PinFolder> OpenOrCreate(const std::string& pin_dir);
  // The same for a folder that exists; NOT_FOUND when there is none.
  static absl::StatusOr<PinFolder> OpenExisting(const std::string& pin_dir);

  // The folder as configured, for messages.
  [[nodiscard]] const std::string& name() const { return name_; }

  // Paths for system calls. They lead through the open folder, so they stay right whatever
  // happens to the mounts meanwhile.
  [[nodiscard]] std::string MapPath(absl::string_view map) const;
  [[nodiscard]] std::string NicPath(IfIndex link, NicPin pin) const;

  // Makes room for maps of another layout. sh_homes, whose id is given, stays as kHomesBefore until
  // ForgetMapsBefore(). After a death in between it can be called again.
  absl::Status SetMapsAside(uint32_t homes_id) const;
  [[nodiscard]] bool HasMapsBefore() const;
  absl::Status ForgetMapsBefore() const;

  // Names of the pinned maps (sh_*).
  [[nodiscard]] std::vector<std::string> Maps() const;
  // NICs with any entry under links/, ascending.
  [[nodiscard]] std::vector<IfIndex> Nics() const;

  [[nodiscard]] bool Has(IfIndex link, NicPin pin) const;
  // Makes one of the two remembering entries. OK when it is there already.
  absl::Status Remember(IfIndex link, NicPin pin) const;
  // Removes an entry; a pinned link that nobody else holds is detached by that. OK when absent.
  absl::Status Forget(IfIndex link, NicPin pin) const;

  // The pin links/NAME of a link that belongs to no NIC ("reply-HOOK", "carrier").
  [[nodiscard]] std::string LinkPath(absl::string_view name) const;
  // `name` becomes the link that is pinned as `staged`, in one step; what it was loses its pin.
  absl::Status ReplaceLink(absl::string_view staged, absl::string_view name) const;
  absl::Status ForgetLink(absl::string_view name) const;

  // Removes all map pins and the folder. Call it when links/ is empty.
  absl::Status Destroy() const;

 private:
  PinFolder(std::string name, UniqueFd fd);
  static absl::StatusOr<PinFolder> OpenAt(const std::string& pin_dir, const std::string& path);
  [[nodiscard]] std::string Path(absl::string_view relative) const;

  std::string name_;
  UniqueFd fd_;
};

}  // namespace stronghost
