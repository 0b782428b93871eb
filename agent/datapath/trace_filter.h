// Which packets the programs record; see maps/trace.h.
#pragma once

#include <cstdint>

#include "agent/base/net_types.h"

namespace stronghost {

struct TraceFilter {
  IpAddress address;                  // source, destination, or asked for; "::": any
  HomeIndex home = HomeIndex::kNone;  // of the NIC that the packet is on; kNone: any
  uint32_t verdicts = ~0U;            // 1 << enum sh_verdict, of those that are wanted

  bool operator==(const TraceFilter&) const = default;
};

}  // namespace stronghost
