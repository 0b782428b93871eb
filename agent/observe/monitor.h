// The kernel's announcements about links, addresses, routes and rules.
#pragma once

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/netlink/datagram.h"
#include "agent/netlink/socket.h"
#include "agent/observe/driver_names.h"
#include "agent/observe/facts_events.h"

namespace stronghost {

// Listens on a netlink socket of its own. Neighbours are not listened to: see
// neighbor_watch.h. Threading: one caller at a time, never blocks.
// Failure: what the kernel had to drop (ENOBUFS) becomes Resync, never a silent gap.
class NetlinkMonitor {
 public:
  struct Options {
    int receive_buffer = 8 << 20;  // bytes; the kernel doubles it
  };

  // In the network namespace of the calling thread. `drivers` names the drivers of new links; it is
  // shared with ReadFacts() and outlives the monitor.
  static absl::StatusOr<NetlinkMonitor> Open(DriverNames* drivers, const Options& options);

  // Readable when there is something to Read(); for an event loop (level-triggered).
  [[nodiscard]] int fd() const { return port_.fd.get(); }

  // What was announced since, in order, until nothing is left or about a thousand events are read
  // (the descriptor stays readable then). An error is one of the socket itself.
  absl::StatusOr<std::vector<KernelEvent>> Read();

  // A snapshot that agrees with what will be Read() next: drops what is queued, reads facts, and
  // does it again if something was announced meanwhile (a few times; then the rest is applied). To
  // be called at the start and after each Resync.
  absl::StatusOr<Facts> Snapshot(NetlinkSocket& socket);

  // Netlink port id of the socket.
  [[nodiscard]] uint32_t port_id() const { return port_.id; }

 private:
  NetlinkMonitor(NetlinkPort port, DriverNames* drivers)
      : port_(std::move(port)), drivers_(drivers) {}

  void NameDrivers(absl::Span<KernelEvent> events);

  NetlinkPort port_;
  DriverNames* drivers_;
  std::vector<char> buffer_;
};

}  // namespace stronghost
