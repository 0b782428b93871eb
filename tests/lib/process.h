// Programs that a test runs: in the background (Process) or to their end (RunProgram).
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "agent/base/unique_fd.h"
#include "tests/lib/await.h"

namespace stronghost::lab {

class Cgroup;
class NetNs;

// How a program ended, as a shell tells it: its exit status, or 128 + signal number.
struct ExecResult {
  int exit_status = 0;
  std::string output;  // stdout and stderr, as they came

  [[nodiscard]] bool ok() const { return exit_status == 0; }
};

// What to start. Only `argv` is needed.
struct ProcessOptions {
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // "NAME=value", added to the test's own
  std::string input;                     // what the program reads on stdin
  std::string log_path;                  // where its output goes; empty: memory, see Output()
  const Cgroup* cgroup = nullptr;        // joined before the program starts
};

// A running program. Move-only; the destructor kills it and its process group and reaps it. It is
// killed by the kernel as well when the test process dies.
class Process {
 public:
  // Starts the program in the namespace, or in that of the test's main thread.
  static absl::StatusOr<Process> Start(const NetNs& netns, const ProcessOptions& options);
  static absl::StatusOr<Process> Start(const ProcessOptions& options);

  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // False once the program has ended, whether or not it was waited for.
  [[nodiscard]] bool IsRunning() const;

  // Sends a signal to the program itself, not to its children. NotFound when it has ended.
  absl::Status Kill(int signal_number = SIGKILL) const;

  // Waits for the end; whatever is left of its process group is killed then. Repeated calls give
  // the same answer. DeadlineExceeded leaves it running.
  absl::StatusOr<int> Wait(absl::Duration timeout);

  // Kill(), then Wait().
  absl::StatusOr<int> Stop(int signal_number = SIGTERM, absl::Duration timeout = absl::Seconds(10));

  // All output up to now.
  [[nodiscard]] std::string Output() const;

  // Waits until the output contains `text`. FailedPrecondition, with the output, when the program
  // ends before.
  absl::Status AwaitOutput(absl::string_view text, absl::Duration timeout) const;

 private:
  Process() = default;
  static absl::StatusOr<Process> StartIn(int netns_fd, const ProcessOptions& options);
  void KillGroup() const;

  pid_t pid_ = -1;
  int exit_status_ = -1;  // -1: not waited for
  std::string name_;
  UniqueFd pid_fd_;
  UniqueFd output_;
};

// Runs a program to its end. A status other than OK means that it couldn't be run or didn't end in
// time; its exit status is in the result.
absl::StatusOr<ExecResult> RunProgram(const ProcessOptions& options,
                                      absl::Duration timeout = absl::Seconds(20));

}  // namespace stronghost::lab
