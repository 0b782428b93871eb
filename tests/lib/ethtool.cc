#include "tests/lib/ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost::lab {
namespace {

absl::Status Set(const NetNs& netns, const std::string& interface, uint32_t command, bool on,
                 const char* what) {
  ASSIGN_OR_RETURN(const UniqueFd fd, netns.Socket(AF_INET, SOCK_DGRAM));
  ethtool_value value{.cmd = command, .data = on ? 1U : 0U};
  ifreq request{};
  std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&value);
  if (ioctl(fd.get(), SIOCETHTOOL, &request) != 0) {
    return ErrnoError(errno, absl::StrCat("turn ", what, on ? " on" : " off", " at ", interface));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SetTransmitOffload(const NetNs& netns, const std::string& interface, bool on) {
  RETURN_IF_ERROR(Set(netns, interface, ETHTOOL_STXCSUM, on, "transmit checksumming"));
  RETURN_IF_ERROR(Set(netns, interface, ETHTOOL_STSO, on, "TSO"));
  return Set(netns, interface, ETHTOOL_SGSO, on, "GSO");
}

absl::Status SetGro(const NetNs& netns, const std::string& interface, bool on) {
  return Set(netns, interface, ETHTOOL_SGRO, on, "GRO");
}

}  // namespace stronghost::lab
