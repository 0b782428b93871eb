#include "tests/lib/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"
#include "tests/lib/mounts.h"
#include "tests/lib/scratch.h"

namespace stronghost::lab {
namespace {

absl::StatusOr<UniqueFd> OpenForWriting(const std::string& file) {
  UniqueFd fd(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) {
    return ErrnoError(errno, absl::StrCat("open ", file));
  }
  return fd;
}

absl::Status Remove(const std::string& path) {
  if (const auto kill_file = OpenForWriting(path + "/cgroup.kill"); kill_file.ok()) {
    [[maybe_unused]] const ssize_t ignored = write(kill_file->get(), "1", 1);
  }
  // The last process leaves a cgroup only some time after it died.
  return Await(
      absl::Seconds(5), [&path] { return rmdir(path.c_str()) == 0 || errno == ENOENT; },
      absl::StrCat("rmdir ", path));
}

}  // namespace

absl::StatusOr<Cgroup> Cgroup::Create(absl::string_view role) {
  ASSIGN_OR_RETURN(const std::string root, FindMount("cgroup2"));
  Cgroup cgroup;
  const std::string path = absl::StrCat(root, "/", ScratchName(role));
  if (mkdir(path.c_str(), 0755) != 0) {
    return ErrnoError(errno, absl::StrCat("mkdir ", path, "; run as root"));
  }
  cgroup.path_ = path;
  cgroup.fd_ = UniqueFd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup.fd_.valid()) {
    return ErrnoError(errno, absl::StrCat("open ", path));
  }
  return cgroup;
}

Cgroup::~Cgroup() {
  fd_.Reset();
  if (path_.empty()) {
    return;
  }
  if (const absl::Status removed = Remove(path_); !removed.ok()) {
    std::fprintf(stderr, "%s\n", Message(removed).c_str());
  }
}

absl::StatusOr<UniqueFd> Cgroup::OpenProcs() const {
  return OpenForWriting(path_ + "/cgroup.procs");
}

absl::StatusOr<CgroupScope> CgroupScope::Enter(const Cgroup& cgroup) {
  ASSIGN_OR_RETURN(const std::string root, FindMount("cgroup2"));
  std::ifstream lines("/proc/self/cgroup");
  std::string line;
  std::string here;
  while (std::getline(lines, line)) {
    if (absl::StartsWith(line, "0::")) {  // cgroups(7): the line of version 2
      here = line.substr(3);
    }
  }
  ASSIGN_OR_RETURN(UniqueFd previous, OpenForWriting(absl::StrCat(root, here, "/cgroup.procs")));
  ASSIGN_OR_RETURN(const UniqueFd procs, cgroup.OpenProcs());
  if (write(procs.get(), "0", 1) != 1) {
    return ErrnoError(errno, absl::StrCat("move the test into ", cgroup.path()));
  }
  return CgroupScope(std::move(previous));
}

CgroupScope::~CgroupScope() {
  if (previous_procs_.valid() && write(previous_procs_.get(), "0", 1) != 1) {
    std::perror("move the test back into its cgroup");
  }
}

void SweepCgroups() {
  const auto root = FindMount("cgroup2");
  if (!root.ok()) {
    return;
  }
  for (const std::string& name : DeadNamesIn(*root)) {
    const absl::Status ignored = Remove(absl::StrCat(*root, "/", name));
  }
}

}  // namespace stronghost::lab
