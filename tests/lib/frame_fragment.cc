#include <net/ethernet.h>
#include <netinet/in.h>

#include <algorithm>

#include "tests/lib/byte_writer.h"
#include "tests/lib/checksum.h"
#include "tests/lib/frame_builder.h"

namespace stronghost::lab {
namespace {

constexpr size_t kEthernetSize = 14;

// The headers of an IPv4 frame, made those of a fragment of `size` bytes at `offset`.
Bytes FragmentHead4(const Bytes& frame, size_t header, size_t offset, size_t size, bool more,
                    uint16_t id) {
  Bytes head(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(kEthernetSize + header));
  Set16(head, kEthernetSize + 2, static_cast<unsigned>(header + size));
  Set16(head, kEthernetSize + 4, id);
  Set16(head, kEthernetSize + 6, (more ? 0x2000U : 0U) | static_cast<unsigned>(offset / 8));
  Set16(head, kEthernetSize + 10, 0);
  Set16(head, kEthernetSize + 10,
        InternetChecksum(std::span<const uint8_t>(head).subspan(kEthernetSize)));
  return head;
}

Bytes FragmentHead6(const Bytes& frame, size_t offset, size_t size, bool more, uint16_t id) {
  Bytes head(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(kEthernetSize + 40));
  const uint8_t next = head.at(kEthernetSize + 6);
  Set16(head, kEthernetSize + 4, static_cast<unsigned>(8 + size));
  head.at(kEthernetSize + 6) = IPPROTO_FRAGMENT;
  Put8(head, next);
  Put8(head, 0);
  Put16(head, static_cast<unsigned>(offset) | (more ? 1U : 0U));  // offset / 8 << 3
  Put32(head, id);
  return head;
}

}  // namespace

std::vector<Bytes> FragmentFrame(const Bytes& frame, size_t max_payload, uint16_t id) {
  const bool v4 = Get16(frame, 12) == ETHERTYPE_IP;
  const size_t header = v4 ? static_cast<size_t>(frame.at(kEthernetSize) & 0x0f) * 4 : 40;
  const size_t start = kEthernetSize + header;
  const size_t total = frame.size() - start;
  const size_t step = std::max<size_t>(8, max_payload / 8 * 8);
  std::vector<Bytes> fragments;
  for (size_t offset = 0; offset < total; offset += step) {
    const size_t size = std::min(step, total - offset);
    const bool more = offset + size < total;
    Bytes fragment = v4 ? FragmentHead4(frame, header, offset, size, more, id)
                        : FragmentHead6(frame, offset, size, more, id);
    const auto begin = frame.begin() + static_cast<ptrdiff_t>(start + offset);
    fragment.insert(fragment.end(), begin, begin + static_cast<ptrdiff_t>(size));
    fragments.push_back(std::move(fragment));
  }
  return fragments;
}

}  // namespace stronghost::lab
