// ICMP and ICMPv6 echo, without the program `ping`.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/base/net_types.h"
#include "tests/lib/netns.h"

namespace stronghost::lab {

struct PingOptions {
  absl::Duration timeout = absl::Seconds(2);
  std::string device;              // SO_BINDTODEVICE; needed for link-local destinations
  IpAddress source = IpAddress();  // "::": whatever routing chooses
};

// Sends one echo request and waits for its reply. The round trip time, or DeadlineExceeded.
absl::StatusOr<absl::Duration> Ping(const NetNs& netns, const IpAddress& destination,
                                    const PingOptions& options = {});

}  // namespace stronghost::lab
