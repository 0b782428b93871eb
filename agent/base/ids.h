// Numbers by which the agent knows its own in the kernel. It deletes only what bears them.
#pragma once

#include <cstdint>

namespace stronghost {

// RTA_PROTOCOL and FRA_PROTOCOL of every route and rule that the agent adds ('S').
constexpr uint8_t kRouteProtocol = 83;

// Link group (IFLA_GROUP) of the members, so that rules can suppress routes through them.
constexpr uint32_t kLinkGroup = 5300;

// Routing table of a home: kTableBase + its home index (5301 to 5555).
constexpr uint32_t kTableBase = 5300;
// Routing tables of addresses with gateways of their own: 5556 and up.
constexpr uint32_t kGatewayTableBase = 5556;
constexpr uint32_t kGatewayTables = 256;

// Tables by which a socket's mark chooses its source, one an address (5812 to 5875), and the rules
// that lead there. Behind those by source address, so that what has a managed source never walks
// them.
constexpr uint32_t kMarkTableBase = kGatewayTableBase + kGatewayTables;
constexpr uint32_t kMarkTables = 64;
constexpr uint32_t kRulePriorityMark = 5303;
// The low bits of reply_mark, which number the table, from 1.
constexpr uint32_t kMarkNumberBits = 0xff;

// Takes the place of table main's default routes while their gateway is dead (host_default.h), for
// all that comes to that: `lookup main suppress_prefixlength 0`, and one later the table.
constexpr uint32_t kHostDefaultTable = kMarkTableBase + kMarkTables;
constexpr uint32_t kRulePriorityHostDefault = 32764;

// `from ADDRESS lookup main suppress_prefixlength 0 suppress_ifgroup 5300`: connected routes that
// don't lead through a member (containers) come first.
constexpr uint32_t kRulePriorityMain = 5300;
// `from ADDRESS lookup <table of the home, or of the address's gateway>`.
constexpr uint32_t kRulePriorityHome = 5301;

// The same for prefixes: behind those of addresses, which may lie in another home's prefix.
constexpr uint32_t kRulePriorityPrefix = 5302;

// Rules cost the kernel a walk per route look-up: past this many addresses and prefixes of one
// family in all, the rest has no rules of its own and relies on steering alone.
constexpr int kRuleAddressLimit = 256;

}  // namespace stronghost
