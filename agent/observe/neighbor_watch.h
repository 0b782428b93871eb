// The kernel's neighbour caches, followed as they change, so that what a NIC knew outlives it.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/netlink/datagram.h"
#include "agent/netlink/socket.h"
#include "agent/observe/neighbor_memory.h"

namespace stronghost {

// Listens on a netlink socket of its own: neighbours are noisy, and nobody waits for them.
// Threading: one caller at a time, never blocks but for a dump.
class NeighborWatch {
 public:
  // In the network namespace of the calling thread. `socket` is for dumps, and outlives the watch.
  static absl::StatusOr<NeighborWatch> Open(NetlinkSocket* socket);

  // Readable when there is something to Read(); for an event loop (level-triggered).
  [[nodiscard]] int fd() const { return port_.fd.get(); }

  // Takes in what was announced, a thousand messages at most. After ENOBUFS everything is asked for
  // anew.
  absl::Status Read(absl::Time now);

  [[nodiscard]] const NeighborMemory& memory() const { return memory_; }

 private:
  NeighborWatch(NetlinkPort port, NetlinkSocket* socket)
      : port_(std::move(port)), socket_(socket) {}

  absl::Status Dump(absl::Time now);  // lost_ until it works

  NetlinkPort port_;
  NetlinkSocket* socket_;
  NeighborMemory memory_;
  bool lost_ = true;  // memory_ lacks something
  std::vector<char> buffer_;
};

}  // namespace stronghost
