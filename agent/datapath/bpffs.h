// Where the pins live. A pin holds only as long as its bpf file system is mounted, and a daemon
// that was started by `ip netns exec` has a private /sys, without /sys/fs/bpf, that ends with it.
// So the folder is sought in the mount namespaces that outlive the daemon as well.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace stronghost {

enum class BpffsMount {
  kIfAbsent,  // mount a bpf file system at /sys/fs/bpf when there is none
  kNever,
};

// The path by which `pin_dir` (absolute; it need not exist yet) is reached on a bpf file system:
// `pin_dir` itself; else seen from the mount namespace of init or of a parent, as
// /proc/PID/root/...; else, when it lies under /sys/fs/bpf, on a file system mounted there, in the
// outermost of those namespaces that may be entered.
absl::StatusOr<std::string> FindOnBpffs(const std::string& pin_dir, BpffsMount mount);

}  // namespace stronghost
