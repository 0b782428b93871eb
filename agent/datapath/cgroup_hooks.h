// The reply source programs on a control group (cgroup v2): what sockets in it, and in the groups
// below it, receive and send. The links are pinned as links/cgroup-*, so they outlive the daemon.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/datapath/pin_folder.h"

namespace stronghost {

// Descriptors of the loaded programs (bpf/reply.bpf.c); borrowed from LoadedObject.
struct CgroupPrograms {
  int note_asked_fd = -1;
  int reply_from4_fd = -1;
  int reply_from6_fd = -1;
  int connect_from4_fd = -1;
  int connect_from6_fd = -1;
};

// Where the cgroup2 file system is mounted: the group of all processes. NOT_FOUND with the mend.
absl::StatusOr<std::string> CgroupRoot();

// Puts the programs on the group, or replaces in place what an earlier run left there; what it left
// on another group is taken off. Other programs on the group run as well. On error nothing of ours
// is on any group.
absl::Status AttachToCgroup(const PinFolder& folder, const std::string& cgroup,
                            const CgroupPrograms& programs);

// OK when there is nothing.
absl::Status DetachFromCgroup(const PinFolder& folder);

}  // namespace stronghost
