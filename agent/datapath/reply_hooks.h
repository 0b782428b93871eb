// The reply source programs: one on the socket look-up of the calling thread's network namespace,
// which sees what is asked, and those on a control group (cgroup v2), which see what sockets in it
// and in the groups below it send. The links are pinned as links/reply-*, so they outlive the
// daemon.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/datapath/pin_folder.h"

namespace stronghost {

// Descriptors of the loaded programs (bpf/reply.bpf.c); borrowed from LoadedObject.
struct ReplyPrograms {
  int note_asked_fd = -1;
  int reply_from4_fd = -1;
  int reply_from6_fd = -1;
  int connect_from4_fd = -1;
  int connect_from6_fd = -1;
};

// Where the cgroup2 file system is mounted: the group of all processes. NOT_FOUND with the mend.
absl::StatusOr<std::string> CgroupRoot();

// Attaches them, or replaces in place what an earlier run left there; what it left on another group
// is taken off. Other programs there run as well. A group that cannot be opened changes nothing;
// after any other error nothing of ours is attached.
absl::Status AttachReplySource(const PinFolder& folder, const std::string& cgroup,
                               const ReplyPrograms& programs);

// OK when there is nothing.
absl::Status DetachReplySource(const PinFolder& folder);

}  // namespace stronghost
