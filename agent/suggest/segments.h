// Which NICs are in one layer-2 segment. Pure.
#pragma once

#include <string>
#include <vector>

#include "agent/decide/facts.h"
#include "agent/decide/hearing.h"

namespace stronghost {

struct Segment {
  std::vector<IfIndex> nics;       // in the order of their indexes
  std::vector<std::string> notes;  // what is odd about them, or not certain

  bool operator==(const Segment&) const = default;
};

// By what was heard. Two NICs are joined if each heard the other, or if one heard a NIC that only
// listened itself; and all that are joined to one. Subnets don't count, but NICs of one subnet in
// two segments are noted, and so are one-way hearing, a NIC that heard itself, and two that are
// joined only by others.
std::vector<Segment> SegmentsByHearing(const std::vector<IfIndex>& nics, const Hearing& hearing,
                                       const Facts& facts);

// A guess: NICs with addresses in one subnet are joined.
std::vector<Segment> SegmentsBySubnet(const std::vector<IfIndex>& nics, const Facts& facts);

// Networks of a link's addresses; not those of link-local addresses (169.254.0.0/16 included) and
// host addresses (/32, /128).
std::vector<IpPrefix> SubnetsOfLink(const Facts& facts, IfIndex link);

}  // namespace stronghost
