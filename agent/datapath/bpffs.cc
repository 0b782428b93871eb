#include "agent/datapath/bpffs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/base/unique_fd.h"

namespace stronghost {
namespace {

constexpr char kDefaultMount[] = "/sys/fs/bpf";

// Whether `path` under `root`, or its nearest ancestor that exists, is on a bpf file system.
bool OnBpffs(const std::string& root, std::string path) {
  struct stat exists {};
  while (stat((root + path).c_str(), &exists) != 0) {
    if (errno != ENOENT || path.empty()) {
      return false;
    }
    path.resize(path.rfind('/'));
  }
  struct statfs fs {};
  return statfs((root + path + "/").c_str(), &fs) == 0 &&
         static_cast<uint64_t>(fs.f_type) == BPF_FS_MAGIC;
}

pid_t ParentOf(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  pid_t parent = 0;
  for (std::string line; std::getline(status, line);) {
    if (absl::StartsWith(line, "PPid:") && absl::SimpleAtoi(line.substr(5), &parent)) {
      return parent;
    }
  }
  return 0;
}

// Processes whose mount namespace may outlive ours, the most lasting first; only those that we
// may look into.
std::vector<pid_t> OuterProcesses() {
  std::vector<pid_t> pids;
  for (pid_t pid = getppid(); pid > 1; pid = ParentOf(pid)) {
    pids.push_back(pid);
  }
  pids.push_back(1);
  std::reverse(pids.begin(), pids.end());
  std::erase_if(pids, [](pid_t pid) {
    struct stat root {};
    return stat(absl::StrCat("/proc/", pid, "/root/").c_str(), &root) != 0;
  });
  return pids;
}

absl::Status MountHere() {
  if (mount("bpf", kDefaultMount, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0) {
    return ErrnoError(errno, absl::StrCat("mount a bpf file system at ", kDefaultMount,
                                          ": run as root, or mount it beforehand"));
  }
  return absl::OkStatus();
}

// Mounts in the mount namespace of `pid`, from a thread of its own: a process can't change its
// mount namespace while threads share its working directory.
absl::Status MountAt(pid_t pid) {
  absl::Status status;
  std::thread([pid, &status] {
    const std::string path = absl::StrCat("/proc/", pid, "/ns/mnt");
    const UniqueFd ns(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!ns.valid() || unshare(CLONE_FS) != 0 || setns(ns.get(), CLONE_NEWNS) != 0) {
      status = ErrnoError(errno, absl::StrCat("enter ", path));
      return;
    }
    status = MountHere();
  }).join();
  return status;
}

}  // namespace

absl::StatusOr<std::string> FindOnBpffs(const std::string& pin_dir, BpffsMount mount) {
  if (!absl::StartsWith(pin_dir, "/")) {
    return absl::InvalidArgumentError(
        absl::StrCat("pin_dir '", pin_dir, "' is not an absolute path"));
  }
  if (OnBpffs("", pin_dir)) {
    return pin_dir;
  }
  const std::vector<pid_t> outer = OuterProcesses();
  for (const pid_t pid : outer) {
    const std::string root = absl::StrCat("/proc/", pid, "/root");
    if (OnBpffs(root, pin_dir)) {
      return root + pin_dir;
    }
  }
  if (!absl::StartsWith(pin_dir, absl::StrCat(kDefaultMount, "/"))) {
    return absl::FailedPreconditionError(
        absl::StrCat("pin_dir ", pin_dir, " is not on a bpf file system; choose a folder under ",
                     kDefaultMount, " or mount one there (mount -t bpf bpf FOLDER)"));
  }
  if (mount == BpffsMount::kNever) {
    return absl::NotFoundError(absl::StrCat("no bpf file system is mounted at ", kDefaultMount));
  }
  if (!outer.empty() && MountAt(outer.front()).ok()) {
    return OnBpffs("", pin_dir) ? pin_dir : absl::StrCat("/proc/", outer.front(), "/root", pin_dir);
  }
  RETURN_IF_ERROR(MountHere());
  return pin_dir;
}

}  // namespace stronghost
