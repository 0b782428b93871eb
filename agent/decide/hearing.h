// Who heard whom when the host's own NICs called each other: what is known of its segments.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "agent/base/net_types.h"

namespace stronghost {

struct Hearing {
  std::set<std::pair<IfIndex, IfIndex>> heard;  // speaker, listener; (x, x): x heard itself
  std::set<IfIndex> silent;                     // listened, and sent nothing
  std::map<IfIndex, std::string> failures;      // NIC -> why it took no part, or only listened

  bool operator==(const Hearing&) const = default;
};

}  // namespace stronghost
