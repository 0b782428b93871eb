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
	/*
	 * Of an IPv4 address: length of the widest subnet of its home that it lies in, 1 to 32; a
	 * gateway outside of it is none of its network's. 0 for IPv6 and prefixes: nobody asks.
	 */
	__u8 network;
	__u8 pad[3];
};
SH_ASSERT_SIZE(struct sh_address, 8);

struct sh_prefix_key {
	__u32 length; /* bits of the 16-byte form: an IPv4 /24 is 120 */
	struct sh_ip ip;
};
SH_ASSERT_SIZE(struct sh_prefix_key, 20);

#endif
