/*
 * What steer notes of the gateways.
 */
#ifndef STRONGHOST_BPF_SENT_H
#define STRONGHOST_BPF_SENT_H

#include "bpf/lib/gateways.h"

/*
 * A frame that leaves by the NIC of home `index`. Resolving a gateway is no traffic for it: else
 * probes would be the reason for probes.
 */
static __noinline int note_sent(struct __sk_buff *skb, __u32 index, enum kind kind)
{
	const void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	struct sh_gateways *gateways = bpf_map_lookup_elem(&sh_gateways, &index);
	const struct ethhdr *eth = data;
	struct sh_gateway *gateway;

	if (!gateways || (kind != KIND_IPV4 && kind != KIND_IPV6) || data + ETH_LEN > data_end)
		return 0;
	gateway = gateway_by_mac(gateways, eth->h_dest);
	if (gateway)
		set_once(&gateway->sent);
	return 0;
}

#endif
