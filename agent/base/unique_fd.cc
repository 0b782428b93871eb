#include "agent/base/unique_fd.h"

#include <unistd.h>

#include <cerrno>

namespace stronghost {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    Reset();
    fd_ = other.Release();
  }
  return *this;
}

void UniqueFd::Reset() {
  if (fd_ >= 0) {
    const int saved = errno;
    close(fd_);
    errno = saved;
    fd_ = -1;
  }
}

}  // namespace stronghost
