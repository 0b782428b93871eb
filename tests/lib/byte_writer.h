// Big-endian numbers at the end of a byte vector.
#pragma once

#include <cstdint>

#include "agent/base/net_types.h"
#include "tests/lib/frame_layers.h"

namespace stronghost::lab {

inline void Put8(Bytes& out, unsigned value) {
  out.push_back(static_cast<uint8_t>(value));
}

inline void Put16(Bytes& out, unsigned value) {
  Put8(out, value >> 8);
  Put8(out, value);
}

inline void Put32(Bytes& out, uint32_t value) {
  Put16(out, value >> 16);
  Put16(out, value);
}

inline void Put(Bytes& out, const Bytes& bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

inline void Put(Bytes& out, const MacAddress& mac) {
  out.insert(out.end(), mac.bytes.begin(), mac.bytes.end());
}

inline void Put(Bytes& out, const IpAddress& address) {
  out.insert(out.end(), address.data(), address.data() + address.size());
}

// Overwrites two bytes.
inline void Set16(Bytes& out, size_t offset, unsigned value) {
  out.at(offset) = static_cast<uint8_t>(value >> 8);
  out.at(offset + 1) = static_cast<uint8_t>(value);
}

inline unsigned Get16(const Bytes& bytes, size_t offset) {
  return static_cast<unsigned>(bytes.at(offset) << 8 | bytes.at(offset + 1));
}

}  // namespace stronghost::lab
