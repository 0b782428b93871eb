// Multicast groups that the interfaces of a network namespace are in: what a stand-in has to hear
// and to report for its siblings.
#pragma once

#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/base/net_types.h"

namespace stronghost {

struct LinkMemberships {
  int igmp_version = 3;           // what the querier that the kernel hears speaks: 1, 2 or 3
  std::vector<IpAddress> groups;  // IPv4, then IPv6; sorted, each once

  bool operator==(const LinkMemberships&) const = default;
};

// Interfaces that are in no group have no entry.
using Memberships = absl::btree_map<IfIndex, LinkMemberships>;

// Parses the texts of /proc/net/igmp and igmp6 (net/ipv4/igmp.c, net/ipv6/mcast.c). Columns that a
// later kernel appends are ignored; any other surprise is an error that names file and line.
absl::StatusOr<Memberships> ParseMemberships(absl::string_view igmp, absl::string_view igmp6);

// Reads them for the network namespace of the calling thread. A kernel without one of the
// families lacks its file: that is no error.
absl::StatusOr<Memberships> ReadMemberships();

}  // namespace stronghost
