// A control group (v2) of a test's own, to attach cgroup BPF programs to.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/base/unique_fd.h"

namespace stronghost::lab {

// Move-only; at destruction its processes are killed and it is removed.
class Cgroup {
 public:
  // Makes one directly below the cgroup2 mount. NotFound if there is no such mount.
  static absl::StatusOr<Cgroup> Create(absl::string_view role);

  Cgroup(Cgroup&& other) noexcept
      : path_(std::exchange(other.path_, "")), fd_(std::move(other.fd_)) {}
  Cgroup& operator=(Cgroup&& other) = delete;
  ~Cgroup();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int fd() const { return fd_.get(); }  // its folder, as BPF_PROG_ATTACH wants it

  // cgroup.procs, open for writing.
  [[nodiscard]] absl::StatusOr<UniqueFd> OpenProcs() const;

 private:
  Cgroup() = default;

  std::string path_;
  UniqueFd fd_;
};

// Puts the whole test process into a cgroup until destruction. A socket belongs for ever to the
// cgroup that it was made in. The cgroup must outlive the scope.
class CgroupScope {
 public:
  static absl::StatusOr<CgroupScope> Enter(const Cgroup& cgroup);
  CgroupScope(CgroupScope&& other) noexcept = default;
  CgroupScope& operator=(CgroupScope&&) = delete;
  ~CgroupScope();

 private:
  explicit CgroupScope(UniqueFd previous_procs) : previous_procs_(std::move(previous_procs)) {}
  UniqueFd previous_procs_;
};

// Removes the cgroups of test processes that are dead, with the processes in them.
void SweepCgroups();

}  // namespace stronghost::lab
