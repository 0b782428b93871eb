#include "tests/lib/checksum.h"

namespace stronghost::lab {
namespace {

uint64_t Sum(std::span<const uint8_t> data) {
  uint64_t sum = 0;
  for (size_t i = 0; i < data.size(); ++i) {
    sum += i % 2 == 0 ? static_cast<uint64_t>(data[i]) << 8 : data[i];
  }
  return sum;
}

uint16_t Fold(uint64_t sum) {
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(~sum);
}

}  // namespace

uint16_t InternetChecksum(std::span<const uint8_t> data) {
  return Fold(Sum(data));
}

uint16_t TransportChecksum(const IpAddress& source, const IpAddress& destination, uint8_t protocol,
                           std::span<const uint8_t> segment) {
  const auto size = static_cast<size_t>(source.size());
  return Fold(Sum({source.data(), size}) + Sum({destination.data(), size}) + protocol +
              segment.size() + Sum(segment));
}

}  // namespace stronghost::lab
