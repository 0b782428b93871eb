#include <dirent.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/lib/netns.h"
#include "tests/lib/scratch.h"

namespace stronghost::lab {
namespace {

constexpr char kFolder[] = "/run/netns";

// A namespace is told by the device and inode of its file.
using NetNsId = std::pair<dev_t, ino_t>;

NetNsId IdOf(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? NetNsId{status.st_dev, status.st_ino} : NetNsId{};
}

// Whoever still lives in a namespace that a dead test made is that test's orphan.
void KillInhabitants(const NetNsId& netns) {
  if (netns == NetNsId{} || netns == IdOf("/proc/self/ns/net")) {
    return;
  }
  const auto close_dir = [](DIR* dir) { closedir(dir); };
  const std::unique_ptr<DIR, decltype(close_dir)> dir(opendir("/proc"), close_dir);
  while (const dirent* entry = dir == nullptr ? nullptr : readdir(dir.get())) {
    pid_t pid = 0;
    if (absl::SimpleAtoi(entry->d_name, &pid) && pid > 1 &&
        IdOf(absl::StrCat("/proc/", pid, "/ns/net")) == netns) {
      kill(pid, SIGKILL);
    }
  }
}

}  // namespace

void SweepNetNamespaces() {
  for (const std::string& name : DeadNamesIn(kFolder)) {
    const std::string path = absl::StrCat(kFolder, "/", name);
    struct stat folder {};
    struct stat file {};
    // A name without a mount is a plain file on the folder's file system, no namespace.
    if (stat(kFolder, &folder) == 0 && stat(path.c_str(), &file) == 0 &&
        folder.st_dev != file.st_dev) {
      KillInhabitants({file.st_dev, file.st_ino});
    }
    umount2(path.c_str(), MNT_DETACH);
    unlink(path.c_str());
  }
}

}  // namespace stronghost::lab
