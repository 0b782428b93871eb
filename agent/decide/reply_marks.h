// How routing gives a socket that has a port already, and so cannot be bound any more, the source
// that was asked (or chosen): BPF sets a mark when it is connected, and a rule for that mark leads
// to a table whose routes prefer the address. Pure.
//
//   IPv4  from 0.0.0.0/32 fwmark MARK lookup TABLE, with `default dev HOME src ADDRESS` as its only
//         route: connect() looks up twice, first for the source alone, then with it, by the rules
//         of the address.
//   IPv6  fwmark MARK lookup TABLE, with the routes that the address has anyway and `src ADDRESS`.
#pragma once

#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "agent/decide/decide.h"

namespace stronghost {

// Adds the tables and rules to `kernel`, which holds those of the homes, and returns the marks;
// link-local addresses have none. An address keeps the table that it has in the facts. At most
// kMarkTables of each family have one.
ReplyMarks AddReplyMarks(const DecideInput& input, const std::vector<Member>& members,
                         const DatapathState& datapath, KernelState& kernel,
                         std::vector<std::string>& problems);

}  // namespace stronghost
