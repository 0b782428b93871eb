#include "demo/footprint.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_split.h"
#include "agent/base/unique_fd.h"

namespace stronghost::demo {
namespace {

namespace fs = std::filesystem;

constexpr char kNetns[] = "/run/netns";
constexpr char kBpffs[] = "/sys/fs/bpf";

// proc(5): the fifth word of a line is the mount point.
bool IsMountPoint(const std::string& path) {
  std::ifstream lines("/proc/self/mountinfo");
  std::string line;
  while (std::getline(lines, line)) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words.size() > 4 && words[4] == path) {
      return true;
    }
  }
  return false;
}

bool IsEmpty(const char* folder) {
  std::error_code error;
  return fs::is_empty(folder, error) && !error;
}

void UnmountIfUnused(const char* folder) {
  const UniqueFd lock(open("/run", O_RDONLY | O_DIRECTORY | O_CLOEXEC));  // as the lab locks it
  if (lock.valid() && flock(lock.get(), LOCK_EX) == 0 && IsEmpty(folder)) {
    umount2(folder, 0);
  }
}

}  // namespace

Footprint::Footprint()
    : had_netns_folder_(access(kNetns, F_OK) == 0),
      had_netns_mount_(IsMountPoint(kNetns)),
      had_bpffs_(IsMountPoint(kBpffs)) {}

Footprint::~Footprint() {
  if (!had_netns_mount_) {
    UnmountIfUnused(kNetns);
  }
  if (!had_netns_folder_) {
    rmdir(kNetns);
  }
  if (!had_bpffs_) {
    UnmountIfUnused(kBpffs);
  }
}

}  // namespace stronghost::demo
