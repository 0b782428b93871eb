// TCP loads between two namespaces, each for a given time.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/base/net_types.h"
#include "tests/lib/netns.h"

namespace stronghost::bench {

struct TcpLoad {
  const lab::NetNs& client;  // connects
  const lab::NetNs& server;  // listens
  IpAddress address;         // of the server
  absl::Duration time;
};

// One stream as fast as it goes, in MB/s (10^6 bytes) as they arrive. Sender and receiver
// share CPU 1: on two CPUs the rate has two values, one twice the other, by how they fall in step.
absl::StatusOr<double> StreamMegabytesPerSecond(const TcpLoad& load, bool server_sends);

// Exchanges of one byte each way. Client and server share CPU 1, so that every ns counts.
struct RequestRate {
  double per_second = 0;
  double cpu_ns = 0;  // CPU time of both ends, for one
};
// ... on one connection.
absl::StatusOr<RequestRate> RequestsPerSecond(const TcpLoad& load);
// ... on a connection of its own each.
absl::StatusOr<RequestRate> ConnectionsPerSecond(const TcpLoad& load);

}  // namespace stronghost::bench
