#include "tests/lib/bpffs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/base/unique_fd.h"
#include "tests/lib/scratch.h"

namespace stronghost::lab {
namespace {

constexpr char kRoot[] = "/sys/fs/bpf";

bool IsBpffs() {
  struct statfs status {};
  return statfs(kRoot, &status) == 0 && status.f_type == BPF_FS_MAGIC;
}

absl::Status MountIfAbsent() {
  // Two tests at once would mount it twice, one hiding the pins of the other.
  const UniqueFd lock(open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.valid() || flock(lock.get(), LOCK_EX) != 0) {
    return ErrnoError(errno, "lock /run");
  }
  if (!IsBpffs() && mount("bpf", kRoot, "bpf", 0, "mode=0700") != 0) {
    return ErrnoError(errno, absl::StrCat("mount bpffs at ", kRoot, "; run as root"));
  }
  return absl::OkStatus();
}

void Remove(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

}  // namespace

absl::StatusOr<PinFolder> PinFolder::Create(absl::string_view role, bool make) {
  if (!IsBpffs()) {
    RETURN_IF_ERROR(MountIfAbsent());
  }
  const std::string path = absl::StrCat(kRoot, "/", ScratchName(role));
  if (make && mkdir(path.c_str(), 0700) != 0) {
    return ErrnoError(errno, absl::StrCat("mkdir ", path));
  }
  return PinFolder(path);
}

PinFolder::~PinFolder() {
  if (!path_.empty()) {
    Remove(path_);
  }
}

void SweepPinFolders() {
  if (!IsBpffs()) {
    return;
  }
  for (const std::string& name : DeadNamesIn(kRoot)) {
    Remove(absl::StrCat(kRoot, "/", name));
  }
}

}  // namespace stronghost::lab
