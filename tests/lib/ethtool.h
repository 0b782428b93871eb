// Offloads of an interface, by the ethtool ioctl.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "tests/lib/netns.h"

namespace stronghost::lab {

// Transmit checksumming and everything that needs it (TSO, GSO of UDP): off means finished frames.
absl::Status SetTransmitOffload(const NetNs& netns, const std::string& interface, bool on);

// Generic receive offload. On a veth it also starts NAPI.
absl::Status SetGro(const NetNs& netns, const std::string& interface, bool on);

}  // namespace stronghost::lab
