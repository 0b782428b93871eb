/*
 * Passive evidence of the gateways, for the NIC that a frame is on (RFC 1122 3.3.1.4). A mark is
 * stored only where it is not set: at most once between two looks of the agent. Callers ask for
 * SH_HOME_WATCHED first.
 */
#ifndef STRONGHOST_BPF_GATEWAYS_H
#define STRONGHOST_BPF_GATEWAYS_H

#include "bpf/lib/maps.h"
#include "bpf/lib/packet.h"

static __always_inline void set_once(__u8 *mark)
{
	if (!READ_ONCE(*mark))
		*mark = 1;
}

static __always_inline struct sh_gateway *gateway_by_mac(struct sh_gateways *gateways,
							 const __u8 *mac)
{
	__u32 i;

#pragma unroll
	for (i = 0; i < SH_GATEWAY_SLOTS; i++) {
		if (same_mac(gateways->slot[i].mac.bytes, mac))
			return &gateways->slot[i];
	}
	return NULL;
}

static __always_inline bool is_watched(__u32 index)
{
	struct sh_home *home = home_at(index);

	return home && home->flags & SH_HOME_WATCHED;
}

#endif
