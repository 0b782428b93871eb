#include "agent/datapath/netns_cookie.h"

#include <sys/socket.h>

#include "agent/base/unique_fd.h"

namespace stronghost {

std::optional<uint64_t> NetnsCookie() {
  constexpr int kSoNetnsCookie = 71;  // SO_NETNS_COOKIE
  const UniqueFd socket_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  uint64_t cookie = 0;
  socklen_t length = sizeof(cookie);
  if (getsockopt(socket_fd.get(), SOL_SOCKET, kSoNetnsCookie, &cookie, &length) != 0) {
    return std::nullopt;
  }
  return cookie;
}

}  // namespace stronghost
