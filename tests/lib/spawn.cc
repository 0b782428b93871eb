#include "tests/lib/spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/base/status.h"
#include "agent/base/unique_fd.h"

namespace stronghost::lab {
namespace {

// PR_SET_PDEATHSIG fires at the end of the *thread* that forked. This one lives as long as the
// process, so all forks are made on it.
class ForkThread {
 public:
  static ForkThread& Get() {
    static auto* instance = new ForkThread;  // Never destroyed: children outlive static objects.
    return *instance;
  }

  pid_t Run(std::packaged_task<pid_t()> task) {
    std::future<pid_t> result = task.get_future();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      queue_.push_back(std::move(task));
    }
    ready_.notify_one();
    return result.get();
  }

 private:
  ForkThread() {
    std::thread([this] { Loop(); }).detach();
  }

  void Loop() {
    while (true) {
      std::unique_lock<std::mutex> lock(mutex_);
      ready_.wait(lock, [this] { return !queue_.empty(); });
      std::packaged_task<pid_t()> task = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::packaged_task<pid_t()>> queue_;
};

enum Stage : int { kSurvive, kNetns, kCgroup, kDescriptors, kExec };
constexpr std::array<const char*, 5> kStageNames = {
    "follow the test process", "enter the network namespace", "join the cgroup",
    "set up file descriptors", "execute"};

struct Failure {
  int stage;
  int error;
};

// Everything that the child needs, made before the fork: between fork and exec only
// async-signal-safe calls are allowed.
struct ChildPlan {
  std::string path;
  std::vector<char*> argv;
  std::vector<char*> envp;
  SpawnRequest request;
  int failure_fd = -1;
  pid_t parent = 0;
};

[[noreturn]] void Fail(const ChildPlan& plan, Stage stage) {
  const Failure failure{stage, errno};
  [[maybe_unused]] const ssize_t ignored = write(plan.failure_fd, &failure, sizeof(failure));
  _exit(127);
}

[[noreturn]] void RunChild(const ChildPlan& plan) {
  setpgid(0, 0);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
    Fail(plan, kSurvive);
  }
  if (getppid() != plan.parent) {
    _exit(127);  // The test died between fork and prctl.
  }
  for (int signal_number = 1; signal_number < NSIG; ++signal_number) {
    signal(signal_number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (plan.request.netns_fd >= 0 && setns(plan.request.netns_fd, CLONE_NEWNET) != 0) {
    Fail(plan, kNetns);
  }
  if (plan.request.cgroup_procs_fd >= 0 && write(plan.request.cgroup_procs_fd, "0", 1) != 1) {
    Fail(plan, kCgroup);
  }
  if (dup2(plan.request.stdin_fd, 0) < 0 || dup2(plan.request.output_fd, 1) < 0 ||
      dup2(plan.request.output_fd, 2) < 0 || close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    Fail(plan, kDescriptors);
  }
  execve(plan.path.c_str(), plan.argv.data(), plan.envp.data());
  Fail(plan, kExec);
}

std::string FindProgram(const std::string& name) {
  if (absl::StrContains(name, "/")) {
    return name;
  }
  const char* path = getenv("PATH");
  const std::string folders =
      absl::StrCat(path == nullptr ? "/usr/bin:/bin" : path, ":/usr/sbin:/sbin");
  for (const absl::string_view folder : absl::StrSplit(folders, ':', absl::SkipEmpty())) {
    std::string candidate = absl::StrCat(folder, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return name;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) {
    pointers.push_back(text.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

absl::StatusOr<pid_t> Spawn(const SpawnRequest& request) {
  if (request.argv.empty()) {
    return absl::InvalidArgumentError("spawn: no program given");
  }
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  std::array<int, 2> ends{};
  if (!null.valid() || pipe2(ends.data(), O_CLOEXEC) != 0) {
    return ErrnoError(errno, "spawn: open /dev/null and a pipe");
  }
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);

  ChildPlan plan;
  plan.path = FindProgram(request.argv[0]);
  plan.request = request;
  if (request.stdin_fd < 0) {
    plan.request.stdin_fd = null.get();
  }
  if (request.output_fd < 0) {
    plan.request.output_fd = null.get();
  }
  for (char** variable = environ; *variable != nullptr; ++variable) {
    plan.request.environment.emplace_back(*variable);
  }
  plan.argv = Pointers(plan.request.argv);
  plan.envp = Pointers(plan.request.environment);
  plan.failure_fd = write_end.get();
  plan.parent = getpid();

  int fork_error = 0;
  const pid_t pid =
      ForkThread::Get().Run(std::packaged_task<pid_t()>([&plan, &fork_error]() -> pid_t {
        const pid_t child = fork();
        if (child == 0) {
          RunChild(plan);
        }
        fork_error = errno;
        return child;
      }));
  if (pid < 0) {
    return ErrnoError(fork_error, "fork");
  }
  write_end.Reset();
  Failure failure{};
  if (read(read_end.get(), &failure, sizeof(failure)) == sizeof(failure)) {
    waitpid(pid, nullptr, 0);
    return ErrnoError(failure.error,
                      absl::StrCat("start '", absl::StrJoin(request.argv, " "),
                                   "': ", kStageNames.at(static_cast<size_t>(failure.stage))));
  }
  return pid;
}

}  // namespace stronghost::lab
