/*
 * What guard and deliver note of the gateways.
 */
#ifndef STRONGHOST_BPF_HEARD_H
#define STRONGHOST_BPF_HEARD_H

#include "bpf/lib/gateways.h"

/* A frame that arrived on the NIC of home `index`, from outside; ARP, IP or ND. */
static __noinline int note_heard(__u32 index, const void *data, const void *data_end,
				 enum kind kind)
{
	struct sh_gateways *gateways = bpf_map_lookup_elem(&sh_gateways, &index);
	const struct ethhdr *eth = data;
	struct sh_gateway *gateway;

	if (!gateways || data + ETH_LEN > data_end)
		return 0;
	gateway = gateway_by_mac(gateways, eth->h_source);
	if (!gateway)
		set_once(&gateways->others);
	else if (is_group_mac(eth->h_dest))
		set_once(&gateway->seen);
	else if (kind == KIND_ARP || kind == KIND_ND)
		set_once(&gateway->confirmed);
	else
		set_once(&gateway->heard);
	return 0;
}

/* A broadcast of a sibling came in on the NIC of home `index`. */
static __always_inline void note_echo(__u32 index)
{
	struct sh_gateways *gateways = bpf_map_lookup_elem(&sh_gateways, &index);

	if (gateways)
		set_once(&gateways->echo);
}

#endif
