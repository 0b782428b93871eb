#include "tests/lib/netns.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/base/status.h"
#include "tests/lib/kernel_defaults.h"
#include "tests/lib/scratch.h"

namespace stronghost::lab {
namespace {

constexpr char kFolder[] = "/run/netns";
constexpr char kThisNetNs[] = "/proc/thread-self/ns/net";

std::string PathOf(absl::string_view name) {
  return absl::StrCat(kFolder, "/", name);
}

// Makes /run/netns a shared mount, as `ip netns add` does: so an unmount reaches mount namespaces
// that were copied meanwhile, and deleted namespaces don't live on there.
absl::Status PrepareFolder() {
  if (mkdir(kFolder, 0755) != 0 && errno != EEXIST) {
    return ErrnoError(errno, absl::StrCat("mkdir ", kFolder, "; run as root"));
  }
  const UniqueFd folder(open(kFolder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || flock(folder.get(), LOCK_EX) != 0) {
    return ErrnoError(errno, absl::StrCat("lock ", kFolder));
  }
  if (mount("", kFolder, "none", MS_SHARED | MS_REC, nullptr) == 0) {
    return absl::OkStatus();
  }
  if (errno != EINVAL || mount(kFolder, kFolder, "none", MS_BIND | MS_REC, nullptr) != 0 ||
      mount("", kFolder, "none", MS_SHARED | MS_REC, nullptr) != 0) {
    return ErrnoError(errno, absl::StrCat("make ", kFolder, " a shared mount; run as root"));
  }
  return absl::OkStatus();
}

void DeleteName(const std::string& name) {
  const std::string path = PathOf(name);
  umount2(path.c_str(), MNT_DETACH);
  unlink(path.c_str());
}

absl::Status RaiseLoopback() {
  const UniqueFd socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP;
  if (!socket_fd.valid() || ioctl(socket_fd.get(), SIOCSIFFLAGS, &request) != 0) {
    return ErrnoError(errno, "set lo up");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NetNsScope> NetNsScope::Enter(int netns_fd) {
  UniqueFd previous(open(kThisNetNs, O_RDONLY | O_CLOEXEC));
  if (!previous.valid()) {
    return ErrnoError(errno, absl::StrCat("open ", kThisNetNs));
  }
  if (setns(netns_fd, CLONE_NEWNET) != 0) {
    return ErrnoError(errno, "setns to a network namespace; run as root");
  }
  return NetNsScope(std::move(previous));
}

NetNsScope::~NetNsScope() {
  if (previous_.valid() && setns(previous_.get(), CLONE_NEWNET) != 0) {
    std::perror("setns back to the network namespace of the test");
    std::abort();
  }
}

absl::StatusOr<NetNs> NetNs::Create(absl::string_view role) {
  RETURN_IF_ERROR(PrepareFolder());
  NetNs netns;
  netns.name_ = ScratchName(role);
  const std::string path = PathOf(netns.name_);
  const UniqueFd mount_point(open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!mount_point.valid()) {
    return ErrnoError(errno, absl::StrCat("create ", path));
  }
  const UniqueFd here(open(kThisNetNs, O_RDONLY | O_CLOEXEC));
  if (!here.valid()) {
    return ErrnoError(errno, absl::StrCat("open ", kThisNetNs));
  }
  ASSIGN_OR_RETURN(const NetNsScope way_back, NetNsScope::Enter(here.get()));
  if (unshare(CLONE_NEWNET) != 0) {
    return ErrnoError(errno, "make a network namespace; run as root");
  }
  netns.fd_ = UniqueFd(open(kThisNetNs, O_RDONLY | O_CLOEXEC));
  if (!netns.fd_.valid() || mount(kThisNetNs, path.c_str(), "none", MS_BIND, nullptr) != 0) {
    return ErrnoError(errno, absl::StrCat("name network namespace ", path));
  }
  RETURN_IF_ERROR(RaiseLoopback());
  RETURN_IF_ERROR(ResetSysctls());
  return netns;
}

NetNs::NetNs(NetNs&& other) noexcept
    : name_(std::exchange(other.name_, "")), fd_(std::move(other.fd_)) {}

NetNs& NetNs::operator=(NetNs&& other) noexcept {
  if (this != &other) {
    Delete();
    name_ = std::exchange(other.name_, "");
    fd_ = std::move(other.fd_);
  }
  return *this;
}

NetNs::~NetNs() {
  Delete();
}

void NetNs::Delete() {
  if (!name_.empty()) {
    DeleteName(name_);
    name_.clear();
  }
  fd_.Reset();
}

absl::StatusOr<uint64_t> NetNs::Cookie() const {
  ASSIGN_OR_RETURN(const UniqueFd socket_fd, Socket(AF_INET, SOCK_DGRAM));
  uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  if (getsockopt(socket_fd.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) != 0) {
    return ErrnoError(errno, absl::StrCat("cookie of network namespace ", name_));
  }
  return cookie;
}

absl::StatusOr<ExecResult> NetNs::Exec(std::vector<std::string> argv,
                                       absl::Duration timeout) const {
  ASSIGN_OR_RETURN(Process process, Process::Start(*this, {.argv = std::move(argv)}));
  ASSIGN_OR_RETURN(const int exit_status, process.Wait(timeout));
  return ExecResult{.exit_status = exit_status, .output = process.Output()};
}

absl::StatusOr<std::string> NetNs::Check(std::vector<std::string> argv,
                                         absl::string_view input) const {
  const std::string command = absl::StrJoin(argv, " ");
  ASSIGN_OR_RETURN(Process process,
                   Process::Start(*this, {.argv = std::move(argv), .input = std::string(input)}));
  ASSIGN_OR_RETURN(const int exit_status, process.Wait(absl::Seconds(20)));
  if (exit_status != 0) {
    return absl::InternalError(absl::StrCat("'", command, "' in ", name_, " ended with ",
                                            exit_status, ": ", process.Output(),
                                            input.empty() ? "" : "; input was:\n", input));
  }
  return process.Output();
}

absl::Status NetNs::IpBatch(absl::string_view commands) const {
  return Check({"ip", "-batch", "-"}, commands).status();
}

absl::StatusOr<std::string> NetNs::Sysctl(const std::string& path) const {
  return Run([&path]() -> absl::StatusOr<std::string> {
    const std::string file = absl::StrCat("/proc/sys/", path);
    const UniqueFd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 4096> text{};
    const ssize_t count = fd.valid() ? read(fd.get(), text.data(), text.size()) : -1;
    if (count < 0) {
      return ErrnoError(errno, absl::StrCat("read ", file));
    }
    const std::string value(text.data(), static_cast<size_t>(count));
    return std::string(absl::StripTrailingAsciiWhitespace(value));
  });
}

absl::Status NetNs::SetSysctl(const std::string& path, absl::string_view value) const {
  return Run([&] { return WriteSysctlHere(path, value); });
}

absl::StatusOr<UniqueFd> NetNs::Socket(int domain, int type, int protocol) const {
  return Run([&]() -> absl::StatusOr<UniqueFd> {
    UniqueFd fd(socket(domain, type | SOCK_CLOEXEC, protocol));
    if (!fd.valid()) {
      return ErrnoError(errno, absl::StrCat("open a socket of family ", domain, " in ", name_));
    }
    return fd;
  });
}

absl::StatusOr<int> NetNs::IfIndex(const std::string& interface) const {
  return Run([&]() -> absl::StatusOr<int> {
    const unsigned index = if_nametoindex(interface.c_str());
    if (index == 0) {
      return absl::NotFoundError(absl::StrCat("no interface ", interface, " in ", name_));
    }
    return static_cast<int>(index);
  });
}

}  // namespace stronghost::lab
