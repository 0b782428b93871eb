#include "agent/observe/driver_names.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "agent/base/status.h"

namespace stronghost {

absl::StatusOr<DriverNames> DriverNames::Open() {
  // Any socket will do for a device ioctl; this family is in every kernel.
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) {
    return ErrnoError(errno, "open socket for ethtool requests");
  }
  return DriverNames(std::move(fd));
}

std::string DriverNames::Get(IfIndex index, const std::string& name) {
  const auto known = known_.find(index);
  if (known != known_.end() && known->second.name == name) {
    return known->second.driver;
  }
  ethtool_drvinfo info{};
  info.cmd = ETHTOOL_GDRVINFO;
  ifreq request{};
  if (name.size() >= sizeof(request.ifr_name)) {
    return "";
  }
  std::memcpy(request.ifr_name, name.data(), name.size());
  void* data = &info;
  request.ifr_data = static_cast<char*>(data);
  if (ioctl(fd_.get(), SIOCETHTOOL, &request) != 0) {
    if (errno == EOPNOTSUPP) {
      known_[index] = {name, ""};
    }
    return "";
  }
  std::string driver(info.driver, strnlen(info.driver, sizeof(info.driver)));
  known_[index] = {name, driver};
  return driver;
}

}  // namespace stronghost
