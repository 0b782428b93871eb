// The Internet checksum (RFC 1071).
#pragma once

#include <cstdint>
#include <span>

#include "agent/base/net_types.h"

namespace stronghost::lab {

// Checksum of `data`, in host byte order, to be stored big-endian. Over data that contains its
// right checksum the result is 0.
uint16_t InternetChecksum(std::span<const uint8_t> data);

// Checksum with the pseudo-header of IPv4 (RFC 793) or IPv6 (RFC 8200 section 8.1).
uint16_t TransportChecksum(const IpAddress& source, const IpAddress& destination, uint8_t protocol,
                           std::span<const uint8_t> segment);

}  // namespace stronghost::lab
