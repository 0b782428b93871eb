#include "tests/lib/mounts.h"

#include <algorithm>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace stronghost::lab {

absl::StatusOr<std::string> FindMount(absl::string_view filesystem_type) {
  std::ifstream lines("/proc/self/mountinfo");
  std::string line;
  std::string found;
  // proc(5): "id parent major:minor root mount-point options [optional...] - type source options".
  while (std::getline(lines, line)) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() > 4 && words.end() - dash > 1 && *(dash + 1) == filesystem_type) {
      found = words[4];
    }
  }
  if (found.empty()) {
    return absl::NotFoundError(
        absl::StrCat("no file system of type ", filesystem_type, " is mounted"));
  }
  return found;
}

}  // namespace stronghost::lab
