#pragma once

#include <sys/stat.h>

#include <string>

#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"

namespace stronghost {

// Listens on a UNIX stream socket at a path, and owns the file: it is removed on destruction,
// unless another has taken its place.
//
// The file's mode is 0660, owner and group those of the process (root). Whoever may connect may
// detach the data path, so others may not; the group may, so that an administrator can let one in
// with chgrp, or with a setgid folder, which a restart of the agent keeps.
class UnixListener {
 public:
  // Folders that are missing are created. A socket file that nobody listens on is replaced; one
  // that somebody does is an AlreadyExists error ("already running"), a file of another kind a
  // FailedPrecondition error.
  static absl::StatusOr<UnixListener> Listen(const std::string& path);

  UnixListener(UnixListener&&) noexcept = default;
  UnixListener& operator=(UnixListener&&) noexcept = delete;
  ~UnixListener();

  [[nodiscard]] int fd() const { return fd_.get(); }  // non-blocking
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  UnixListener(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  UniqueFd fd_;
  std::string path_;
  dev_t device_ = 0;  // of the file that we made
  ino_t inode_ = 0;
};

// Connects to the socket at `path`; the descriptor is a blocking one. Waits only where the backlog
// is full, up to `timeout_ms` (0: for ever). NotFound: no such file. Unavailable: a file, but
// nobody listens. DeadlineExceeded: somebody listens who doesn't accept. PermissionDenied.
absl::StatusOr<UniqueFd> ConnectUnix(const std::string& path, int timeout_ms);

}  // namespace stronghost
