#include "tests/lib/scratch.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace stronghost::lab {
namespace {

constexpr char kPrefix[] = "shlab-";

}  // namespace

std::string ScratchName(absl::string_view role) {
  static std::atomic<int> next{0};
  return absl::StrCat(kPrefix, getpid(), "-", next++, "-", role);
}

bool OwnerIsDead(absl::string_view name) {
  if (!absl::StartsWith(name, kPrefix)) {
    return false;
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '-');
  pid_t pid = 0;
  if (parts.size() < 4 || !absl::SimpleAtoi(parts[1], &pid) || pid <= 0) {
    return false;
  }
  return kill(pid, 0) != 0 && errno == ESRCH;
}

std::vector<std::string> DeadNamesIn(const std::string& folder) {
  std::vector<std::string> names;
  const auto close_dir = [](DIR* dir) { closedir(dir); };
  const std::unique_ptr<DIR, decltype(close_dir)> dir(opendir(folder.c_str()), close_dir);
  if (dir == nullptr) {
    return names;
  }
  while (const dirent* entry = readdir(dir.get())) {
    if (OwnerIsDead(entry->d_name)) {
      names.emplace_back(entry->d_name);
    }
  }
  return names;
}

}  // namespace stronghost::lab
