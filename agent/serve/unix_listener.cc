#include "agent/serve/unix_listener.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost {
namespace {

constexpr mode_t kMode = 0660;
constexpr int kBacklog = 128;

absl::StatusOr<sockaddr_un> SocketAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("socket path '", path,
                                                   "' is empty or too long; it may have up to ",
                                                   sizeof(address.sun_path) - 1, " bytes"));
  }
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  return address;
}

const sockaddr* Generic(const sockaddr_un& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

// Two agents that start at once on one stale file must not both replace it: the folder is locked
// while one looks and binds.
absl::StatusOr<UniqueFd> LockFolder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) {
    return ErrnoError(errno, absl::StrCat("open folder ", folder.string(), " of the socket"));
  }
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
      return fd;
    }
    const timespec pause{.tv_sec = 0, .tv_nsec = 20'000'000};
    nanosleep(&pause, nullptr);
  }
  return absl::UnavailableError(absl::StrCat("folder ", folder.string(),
                                             " is locked by another process; choose a folder ",
                                             "that only root can open for [agent] socket"));
}

// Removes what a dead agent left at `path`.
absl::Status RemoveStale(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::OkStatus() : ErrnoError(errno, absl::StrCat("stat ", path));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " exists and is no socket; remove it, or choose another path for ",
                     "[agent] socket"));
  }
  const auto connection = ConnectUnix(path, /*timeout_ms=*/1000);
  // Anything but a refusal, such as a full backlog, comes from somebody alive.
  if (connection.ok() || !absl::IsUnavailable(connection.status())) {
    return absl::AlreadyExistsError(
        absl::StrCat("already running: another process listens on ", path,
                     "; stop it, or choose another path for [agent] socket"));
  }
  if (unlink(path.c_str()) != 0) {
    return ErrnoError(errno, absl::StrCat("remove stale socket ", path));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UnixListener> UnixListener::Listen(const std::string& path) {
  ASSIGN_OR_RETURN(const sockaddr_un address, SocketAddress(path));
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  ASSIGN_OR_RETURN(const UniqueFd lock, LockFolder(folder.empty() ? "." : folder));
  RETURN_IF_ERROR(RemoveStale(path));
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) {
    return ErrnoError(errno, "create the control socket");
  }
  // Linux takes the mode of the socket's inode for the file, less the umask: the file is never
  // wider than it will be.
  if (fchmod(fd.get(), kMode) != 0 || bind(fd.get(), Generic(address), sizeof(address)) != 0) {
    return ErrnoError(errno, absl::StrCat("bind the control socket to ", path));
  }
  UnixListener listener(std::move(fd), path);
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    return ErrnoError(errno, absl::StrCat("stat ", path));
  }
  listener.device_ = info.st_dev;
  listener.inode_ = info.st_ino;
  if (chmod(path.c_str(), kMode) != 0) {
    return ErrnoError(errno, absl::StrCat("set the mode of ", path));
  }
  if (listen(listener.fd(), kBacklog) != 0) {
    return ErrnoError(errno, absl::StrCat("listen on ", path));
  }
  return listener;
}

UnixListener::~UnixListener() {
  struct stat info {};
  if (fd_.valid() && lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ &&
      info.st_ino == inode_) {
    unlink(path_.c_str());
  }
}

absl::StatusOr<UniqueFd> ConnectUnix(const std::string& path, int timeout_ms) {
  ASSIGN_OR_RETURN(const sockaddr_un address, SocketAddress(path));
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) {
    return ErrnoError(errno, "create a UNIX socket");
  }
  if (timeout_ms > 0) {
    // SO_SNDTIMEO bounds connect() as well (unix(7), socket(7)).
    const timeval timeout{.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000L};
    setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
  }
  if (connect(fd.get(), Generic(address), sizeof(address)) != 0) {
    const int error = errno;
    const absl::Status status = ErrnoError(error, absl::StrCat("connect to ", path));
    // Abseil maps both to Unavailable; here only one of them means that nobody is there.
    return error == EAGAIN ? absl::DeadlineExceededError(status.message()) : status;
  }
  return fd;
}

}  // namespace stronghost
