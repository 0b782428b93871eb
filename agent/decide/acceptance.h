// Whether the kernel serves an address that it has. Pure.
#pragma once

#include "agent/decide/facts.h"

namespace stronghost {

// Another host has it: the kernel found that out and does not use it (RFC 4862 section 5.4.5), so
// it is nobody's here.
bool IsDuplicate(const AddressFact& address);

// Whether the kernel accepts packets for it: not for a duplicate, nor while it still looks for one
// (RFC 4862 section 5.4), for which an optimistic one does not wait (RFC 4429).
bool IsAccepted(const AddressFact& address);

}  // namespace stronghost
