// Whether the kernel serves an address that it has. Pure.
#pragma once

#include "absl/container/btree_set.h"
#include "agent/base/net_types.h"
#include "agent/decide/facts.h"

namespace stronghost {

// Another host has it: the kernel found that out and does not use it (RFC 4862 section 5.4.5), so
// it is nobody's here.
bool IsDuplicate(const AddressFact& address);

// Whether the kernel accepts packets for it: not for a duplicate, nor while it still looks for one
// (RFC 4862 section 5.4), for which an optimistic one does not wait (RFC 4429).
bool IsAccepted(const AddressFact& address);

// What some NIC has and none serves: to announce or defend it would take it from another host,
// which may just be answering the kernel's own question.
absl::btree_set<IpAddress> Unaccepted(const Facts& facts);

}  // namespace stronghost
