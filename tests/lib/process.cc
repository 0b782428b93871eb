#include "tests/lib/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/base/status.h"
#include "tests/lib/cgroup.h"
#include "tests/lib/netns.h"
#include "tests/lib/patience.h"
#include "tests/lib/spawn.h"

namespace stronghost::lab {
namespace {

// A memory file needs no reader: a chatty program never blocks on a full pipe.
absl::StatusOr<UniqueFd> MemoryFile(const std::string& content) {
  UniqueFd fd(memfd_create("shlab", MFD_CLOEXEC));
  if (!fd.valid()) {
    return ErrnoError(errno, "memfd_create");
  }
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t count =
        pwrite(fd.get(), content.data() + done, content.size() - done, static_cast<off_t>(done));
    if (count < 0) {
      return ErrnoError(errno, "write to a memory file");
    }
    done += static_cast<size_t>(count);
  }
  return fd;
}

absl::StatusOr<UniqueFd> OutputFile(const std::string& path) {
  if (path.empty()) {
    return MemoryFile("");
  }
  UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!fd.valid()) {
    return ErrnoError(errno, absl::StrCat("open log ", path));
  }
  return fd;
}

}  // namespace

absl::StatusOr<Process> Process::Start(const NetNs& netns, const ProcessOptions& options) {
  return StartIn(netns.fd(), options);
}

absl::StatusOr<Process> Process::Start(const ProcessOptions& options) {
  return StartIn(-1, options);
}

absl::StatusOr<Process> Process::StartIn(int netns_fd, const ProcessOptions& options) {
  Process process;
  ASSIGN_OR_RETURN(process.output_, OutputFile(options.log_path));
  SpawnRequest request{.argv = options.argv,
                       .environment = options.environment,
                       .netns_fd = netns_fd,
                       .output_fd = process.output_.get()};
  UniqueFd input;
  if (!options.input.empty()) {
    ASSIGN_OR_RETURN(input, MemoryFile(options.input));
    request.stdin_fd = input.get();
  }
  UniqueFd cgroup_procs;
  if (options.cgroup != nullptr) {
    ASSIGN_OR_RETURN(cgroup_procs, options.cgroup->OpenProcs());
    request.cgroup_procs_fd = cgroup_procs.get();
  }
  ASSIGN_OR_RETURN(process.pid_, Spawn(request));
  process.name_ = absl::StrCat("'", absl::StrJoin(options.argv, " "), "'");
  // glibc 2.36 declares pidfd_open() without extern "C".
  process.pid_fd_ = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, process.pid_, 0)));
  if (!process.pid_fd_.valid()) {
    return ErrnoError(errno, absl::StrCat("pidfd_open ", process.name_));
  }
  return process;
}

Process::Process(Process&& other) noexcept {
  *this = std::move(other);
}

Process& Process::operator=(Process&& other) noexcept {
  // The old program is killed with `other`, at its end.
  std::swap(pid_, other.pid_);
  std::swap(exit_status_, other.exit_status_);
  std::swap(name_, other.name_);
  std::swap(pid_fd_, other.pid_fd_);
  std::swap(output_, other.output_);
  return *this;
}

Process::~Process() {
  if (pid_ > 0 && exit_status_ < 0) {
    KillGroup();
    waitpid(pid_, nullptr, 0);
  }
}

// Right only as long as the leader is not reaped: until then its number can't be given anew.
void Process::KillGroup() const {
  kill(-pid_, SIGKILL);
}

bool Process::IsRunning() const {
  pollfd ended{.fd = pid_fd_.get(), .events = POLLIN, .revents = 0};
  return pid_ > 0 && exit_status_ < 0 && poll(&ended, 1, 0) == 0;
}

absl::Status Process::Kill(int signal_number) const {
  if (exit_status_ >= 0) {
    return absl::NotFoundError(absl::StrCat("kill ", name_, ": it has ended"));
  }
  if (kill(pid_, signal_number) != 0) {
    return ErrnoError(errno, absl::StrCat("kill ", name_));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Process::Wait(absl::Duration timeout) {
  if (exit_status_ >= 0) {
    return exit_status_;
  }
  const int64_t end = MonotonicNow() + absl::ToInt64Nanoseconds(Patient(timeout));
  pollfd ended{.fd = pid_fd_.get(), .events = POLLIN, .revents = 0};
  int count = 0;
  do {
    const int64_t left = std::max<int64_t>(0, end - MonotonicNow());
    count = poll(&ended, 1, static_cast<int>(std::min<int64_t>(left / 1'000'000 + 1, 1'000'000)));
  } while ((count < 0 && errno == EINTR) || (count == 0 && MonotonicNow() < end));
  if (count < 1) {
    return absl::DeadlineExceededError(
        absl::StrCat(name_, " still runs after ", absl::FormatDuration(timeout)));
  }
  KillGroup();
  int status = 0;
  if (waitpid(pid_, &status, 0) != pid_) {
    return ErrnoError(errno, absl::StrCat("wait for ", name_));
  }
  exit_status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return exit_status_;
}

absl::StatusOr<int> Process::Stop(int signal_number, absl::Duration timeout) {
  if (exit_status_ < 0) {
    RETURN_IF_ERROR(Kill(signal_number));
  }
  return Wait(timeout);
}

std::string Process::Output() const {
  std::string text;
  std::array<char, 16384> buffer{};
  ssize_t count = 0;
  while ((count = pread(output_.get(), buffer.data(), buffer.size(),
                        static_cast<off_t>(text.size()))) > 0) {
    text.append(buffer.data(), static_cast<size_t>(count));
  }
  return text;
}

absl::Status Process::AwaitOutput(absl::string_view text, absl::Duration timeout) const {
  bool ended = false;
  bool found = false;
  const absl::Status waited = Await(
      timeout,
      [&] {
        ended = !IsRunning();  // Before the look: what it wrote last is seen.
        found = absl::StrContains(Output(), text);
        return found || ended;
      },
      absl::StrCat(name_, " to print '", text, "'"));
  if (found) {
    return absl::OkStatus();
  }
  if (ended) {
    return absl::FailedPreconditionError(
        absl::StrCat(name_, " ended without printing '", text, "'; it printed: ", Output()));
  }
  return Annotate(waited, absl::StrCat("output so far: ", Output()));
}

absl::StatusOr<ExecResult> RunProgram(const ProcessOptions& options, absl::Duration timeout) {
  ASSIGN_OR_RETURN(Process process, Process::Start(options));
  ASSIGN_OR_RETURN(const int exit_status, process.Wait(timeout));
  return ExecResult{.exit_status = exit_status, .output = process.Output()};
}

}  // namespace stronghost::lab
