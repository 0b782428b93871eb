// Driver names of interfaces: the one thing about a NIC that rtnetlink does not tell.
#pragma once

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "agent/base/unique_fd.h"

namespace stronghost {

// Asks by ioctl (ETHTOOL_GDRVINFO, linux/ethtool.h) and remembers the answer as long as index and
// name stay the same. Threading: one caller at a time.
class DriverNames {
 public:
  // In the network namespace of the calling thread.
  static absl::StatusOr<DriverNames> Open();

  // "virtio_net", "veth", ...; "" if the driver does not say or the interface is gone.
  std::string Get(IfIndex index, const std::string& name);
  // To be called when the interface is gone.
  void Forget(IfIndex index) { known_.erase(index); }

 private:
  struct Entry {
    std::string name;
    std::string driver;
  };

  explicit DriverNames(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  absl::flat_hash_map<IfIndex, Entry> known_;
};

}  // namespace stronghost
