// Frames of every shape that a look-up could stumble over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/base/net_types.h"
#include "tests/lib/frame_layers.h"

namespace stronghost::lab {

struct OddFrame {
  std::string name;
  bool ip = true;  // by its address; else untouched: tagged, cut short, of another ethertype
  Bytes bytes;

  // What a 802.1Q tag leaves when the kernel has taken it out of the frame.
  [[nodiscard]] Bytes WithoutOuterTag() const;
};

// One of each kind in the family of `source`, with UDP to a closed port inside. `tag` tells the
// frames of one call from those of another by what lies behind their MACs; it is below 256.
std::vector<OddFrame> OddFrames(const Ethernet& link, const IpAddress& source,
                                const IpAddress& destination, uint8_t tag);

// A UDP frame with a priority but in no VLAN (802.1Q: VLAN id 0), which is an ordinary frame of the
// NIC that it arrives on.
OddFrame PriorityTagged(const Ethernet& link, const IpAddress& source, const IpAddress& destination,
                        uint8_t tag);

// Whether two frames are the same apart from their MACs.
bool SameBehindMacs(const Bytes& a, const Bytes& b);

// `frame` with other MACs.
Bytes WithMacs(Bytes frame, const MacAddress& destination, const MacAddress& source);

}  // namespace stronghost::lab
