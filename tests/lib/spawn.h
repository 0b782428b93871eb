// Starts a program in a network namespace: fork, setns, exec. Not `ip netns exec`, which mounts a
// new /sys over the old one and so hides bpffs.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace stronghost::lab {

// What the child becomes. File descriptors are borrowed for the duration of the call; -1 is none.
struct SpawnRequest {
  std::vector<std::string> argv;         // argv[0] is looked up in PATH, /usr/sbin and /sbin
  std::vector<std::string> environment;  // "NAME=value", added to the environment of the test
  int netns_fd = -1;                     // network namespace to enter
  int cgroup_procs_fd = -1;              // cgroup.procs to join before exec, open for writing
  int stdin_fd = -1;                     // -1: /dev/null
  int output_fd = -1;                    // stdout and stderr; -1: /dev/null
};

// Starts the child as the leader of a process group of its own, with default signal handling and no
// other descriptor than 0, 1 and 2. The kernel kills it when the test process dies, however that
// dies; the end of the calling thread doesn't matter. A failing setns or exec is an error here.
absl::StatusOr<pid_t> Spawn(const SpawnRequest& request);

}  // namespace stronghost::lab
