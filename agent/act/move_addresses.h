// Addresses that move to a NIC that is up: the first half, in which both NICs have them.
#pragma once

#include "absl/types/span.h"
#include "agent/act/kernel_apply.h"
#include "agent/act/kernel_step.h"
#include "agent/decide/facts.h"
#include "agent/netlink/socket.h"

namespace stronghost {

// ApplySteps() for `steps`, AddAddress all of them, that returns when the kernel also accepts
// packets for those IPv6 addresses that another NIC has, so that they may be deleted there. (It
// acknowledges an address first and leaves the local route to a work queue: addrconf_dad_work() of
// net/ipv6/addrconf.c.) They need IFA_F_NODAD: without it the kernel tells of them before that.
// Blocking: a second longer than ApplySteps() at most; what is not accepted then is so later.
ApplyReport AddMovingAddresses(NetlinkSocket& socket, absl::Span<const KernelStep> steps,
                               const Facts& facts);

}  // namespace stronghost
