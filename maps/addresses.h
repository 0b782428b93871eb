/*
 * sh_addresses: hash, struct sh_address_key -> struct sh_address.
 * Every managed address and the home that owns it. Written by the agent, read by all programs.
 *
 * sh_prefixes: LPM trie, struct sh_prefix_key -> struct sh_address.
 * Prefixes that belong to a home (containers, routed subnets, AnyIP ranges); asked when
 * sh_addresses has no answer, if slot 0 of sh_homes has SH_GLOBAL_PREFIXES. Written by the agent,
 * read by all programs.
 */
#ifndef STRONGHOST_MAPS_ADDRESSES_H
#define STRONGHOST_MAPS_ADDRESSES_H

#include "maps/types.h"

struct sh_address_key {
	struct sh_ip ip;
	/* fe80::/10: the home's ifindex, since link-local addresses may repeat; otherwise 0. */
	__u32 scope;
};
SH_ASSERT_SIZE(struct sh_address_key, 20);

struct sh_address {
	__u32 home; /* index in sh_homes */
};
SH_ASSERT_SIZE(struct sh_address, 4);

struct sh_prefix_key {
	__u32 length; /* bits of the 16-byte form: an IPv4 /24 is 120 */
	struct sh_ip ip;
};
SH_ASSERT_SIZE(struct sh_prefix_key, 20);

#endif
