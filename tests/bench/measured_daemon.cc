#include "tests/bench/measured_daemon.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/base/unique_fd.h"
#include "tests/bench/bench.h"
#include "tests/lib/await.h"
#include "tests/lib/scratch.h"

namespace stronghost::bench {
namespace {

constexpr int64_t kDeadlineNs = 120'000'000'000;

// Hears what a service manager would hear.
class NotifySocket {
 public:
  static absl::StatusOr<NotifySocket> Open() {
    NotifySocket made(absl::StrCat("/tmp/", lab::ScratchName("notify")));
    made.fd_ = UniqueFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, made.path_.c_str(), sizeof(address.sun_path) - 1);
    if (!made.fd_.valid() ||
        bind(made.fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      return ErrnoError(errno, absl::StrCat("bind ", made.path_));
    }
    return made;
  }
  NotifySocket(NotifySocket&& other) noexcept
      : path_(std::exchange(other.path_, "")), fd_(std::move(other.fd_)) {}
  NotifySocket& operator=(NotifySocket&&) = delete;
  ~NotifySocket() {
    if (!path_.empty()) {
      unlink(path_.c_str());
    }
  }

  [[nodiscard]] const std::string& path() const { return path_; }

  // False when the sender has ended without a word, or too much time has passed.
  [[nodiscard]] bool AwaitReady(const lab::Process& sender) const {
    const int64_t end = lab::MonotonicNow() + kDeadlineNs;
    char text[512];
    while (lab::MonotonicNow() < end && sender.IsRunning()) {
      pollfd readable = {.fd = fd_.get(), .events = POLLIN, .revents = 0};
      poll(&readable, 1, 100);
      const ssize_t length = recv(fd_.get(), text, sizeof(text), 0);
      if (length > 0 &&
          absl::StrContains(absl::string_view(text, static_cast<size_t>(length)), "READY=1")) {
        return true;
      }
    }
    return false;
  }

 private:
  explicit NotifySocket(std::string path) : path_(std::move(path)) {}

  std::string path_;
  UniqueFd fd_;
};

}  // namespace

absl::StatusOr<MeasuredDaemon> MeasuredDaemon::Start(const lab::NetNs& netns,
                                                     const lab::Agent& agent) {
  ASSIGN_OR_RETURN(const NotifySocket notify, NotifySocket::Open());
  const int64_t begin = lab::MonotonicNow();
  ASSIGN_OR_RETURN(
      lab::Process process,
      lab::Process::Start(
          netns, {.argv = {lab::ProgramPath("stronghostd"), "--config", agent.config_path()},
                  .environment = {absl::StrCat("NOTIFY_SOCKET=", notify.path())}}));
  if (!notify.AwaitReady(process)) {
    return absl::InternalError(absl::StrCat("stronghostd did not get ready:\n", process.Output()));
  }
  const int64_t end = lab::MonotonicNow();
  MeasuredDaemon daemon(std::move(process));
  daemon.ready_ms_ = static_cast<double>(end - begin) / 1e6;
  daemon.ready_cpu_ms_ = daemon.CpuNs() / 1e6;
  return daemon;
}

double MeasuredDaemon::CpuNs() const {
  return CpuNsOf(process_.pid());
}

absl::StatusOr<double> MeasuredDaemon::MemoryMiB(const std::string& line) const {
  const std::string path = absl::StrCat("/proc/", process_.pid(), "/smaps_rollup");
  std::ifstream file(path);
  std::string word;
  while (file >> word) {
    double kib = 0;
    if (word == absl::StrCat(line, ":") && file >> kib) {
      return kib / 1024;
    }
  }
  return absl::NotFoundError(absl::StrCat(line, " in ", path));
}

}  // namespace stronghost::bench
