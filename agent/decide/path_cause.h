// What is broken, told from what each NIC of a group hears. Pure.
//
//   a NIC is not there, or set down                                  nic
//   it has no carrier                                                cable
//   no gateway answers through it, one does through another NIC      uplink
//   no gateway answers through any NIC, other hosts are heard        gateway
//   no gateway answers through any NIC, and nobody is heard          segment
//   some gateways answer through it                                  gateway: those that don't
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace stronghost {

enum class PathCause { kNone, kNic, kCable, kUplink, kGateway, kSegment };

// "", "nic", "cable", "uplink", "gateway", "segment".
absl::string_view ToString(PathCause cause);

// One NIC of a group.
struct PathView {
  bool there = true;  // and set up
  bool carrier = true;
  int gateways = 0;        // that are watched
  int dead = 0;            // of them
  int probing = 0;         // of them: not known yet
  bool proven = false;     // one of them was heard a moment ago
  bool others = false;     // another host was
  bool set_aside = false;  // its path was found dead, and it is not used
};

// What is wrong with `nics[i]`; kNone: nothing that is known of.
PathCause CauseOf(const std::vector<PathView>& nics, size_t i);

// What the user can do about it. `nic` and `gateways` (a list for people) are named.
std::string Mend(PathCause cause, absl::string_view nic, absl::string_view gateways);

}  // namespace stronghost
