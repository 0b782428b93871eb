// The head of each datagram of a measured stream. Host byte order: both ends are on one machine.
#pragma once

#include <cstdint>

namespace stronghost::lab {

inline constexpr uint64_t kStreamMagic = 0x73746f6e67686f73;

struct StreamPacket {
  uint64_t magic = kStreamMagic;
  uint64_t sequence = 0;
  int64_t sent_ns = 0;  // CLOCK_MONOTONIC
};

}  // namespace stronghost::lab
