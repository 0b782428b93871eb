// Desired kernel state against the actual one. Pure.
#pragma once

#include <vector>

#include "agent/act/kernel_step.h"
#include "agent/act/state_file.h"
#include "agent/decide/desired.h"
#include "agent/decide/facts.h"

namespace stronghost {

// The steps from `actual` to `desired`, in the order in which they are to be made: link groups,
// filters, addresses, routes, rules are added; then rules, routes, addresses, filters are deleted
// and link groups given back. Nothing is broken before its successor is made; two exceptions, where
// the kernel holds only one of a kind: a route with another next hop is replaced in one step, and
// an IPv6 address of the agent's whose prefix length changed is deleted first.
//
// Addresses that moved (`desired.left`) are deleted where they were once they are accepted at their
// keeper.
//
// Otherwise deleted are only routes and rules that bear kRouteProtocol, and addresses, filters and
// link groups that `owned` says the agent made. Desired routes and rules get kRouteProtocol
// whatever they bear; an equal one of somebody else's will do as well, and stays his.
//
// Comparison is in the kernel's own spelling (canonical.h): the steps applied, the difference is
// empty. Addresses are told apart by link and prefix; flags and scope don't matter.
// `desired.sysctls` are not looked at (sysctls.h). Nothing is wanted of links that don't exist.
// `actual_filters` are those of ReadFilters().
std::vector<KernelStep> DiffKernel(const KernelState& desired, const Facts& actual,
                                   const std::vector<FilterEntry>& actual_filters,
                                   const AgentState& owned);

}  // namespace stronghost
