/*
 * The first look-up on the way out: who owns the source of this frame.
 */
#ifndef STRONGHOST_BPF_EGRESS_H
#define STRONGHOST_BPF_EGRESS_H

#include "bpf/lib/account.h"
#include "bpf/lib/mark.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/wire.h"

struct egress {
	enum sh_verdict verdict; /* set: the frame ends here, untouched */
	enum kind kind;
	bool of_nic;   /* belongs to the NIC that it is on, whatever its source */
	bool routed;   /* unicast IP: a gateway may be asked anew */
	bool resolves; /* ARP request for a neighbour, which has to come back to this NIC */
	struct sh_address_key source;
};

static __always_inline __u32 home_of_nic(__u32 ifindex)
{
	struct sh_nic *nic = nic_of(ifindex);

	return nic ? nic->home : SH_HOME_NONE;
}

static __always_inline void read_ipv4(struct egress *out, const struct ethhdr *eth,
				      const struct iphdr *ip)
{
	key_from_ipv4(&out->source, &ip->saddr);
	/* 224.0.0.0/24 and the limited broadcast never cross a router: the NIC was meant. */
	out->of_nic = (ip->daddr & bpf_htonl(0xffffff00)) == bpf_htonl(0xe0000000) ||
		      ip->daddr == bpf_htonl(0xffffffff) || ip->protocol == IPPROTO_IGMP;
	out->routed = !is_group_mac(eth->h_dest);
}

static __always_inline void read_ipv6(struct egress *out, const struct ethhdr *eth,
				      const struct ipv6hdr *ip6, __u32 ifindex)
{
	const __u8 *to = ip6->daddr.in6_u.u6_addr8;

	key_from_ipv6(&out->source, &ip6->saddr);
	if (is_link_local(&out->source.ip)) {
		out->source.scope = ifindex;
		return;
	}
	/* ff01::/16 and ff02::/16; but ND must show the MAC of its source's home. */
	out->of_nic = to[0] == 0xff && (to[1] & 0x0f) <= 2 && out->kind != KIND_ND;
	out->routed = !is_group_mac(eth->h_dest);
}

/*
 * A request that asks for a neighbour under an address of another home (arp_announce = 2 found none
 * on this NIC): were it steered, the answer would reach the other home and this one would never
 * resolve. It stays, without a sender address. An announcement (sender = target) is steered.
 */
static __always_inline void read_arp(struct egress *out, const struct arp_packet *arp)
{
	key_from_ipv4(&out->source, arp->spa);
	out->resolves = arp->operation == bpf_htons(ARPOP_REQUEST) &&
			__builtin_memcmp(arp->spa, arp->tpa, 4) != 0;
}

static __always_inline void read_egress(struct __sk_buff *skb, struct egress *out)
{
	void *data, *data_end;

	if (skb->vlan_present) {
		out->verdict = SH_OUT_UNTOUCHED;
		return;
	}
	pull_headers(skb);
	data = (void *)(long)skb->data;
	data_end = (void *)(long)skb->data_end;
	out->kind = kind_of(data, data_end);
	if (out->kind == KIND_SHORT)
		out->verdict = SH_OUT_SHORT;
	else if (out->kind == KIND_OTHER)
		out->verdict = SH_OUT_UNTOUCHED;
	else if (out->kind == KIND_IPV4 && data + IPV4_END <= data_end)
		read_ipv4(out, data, data + ETH_LEN);
	else if (out->kind == KIND_ARP && data + ARP_END <= data_end)
		read_arp(out, data + ETH_LEN);
	else if (data + IPV6_END <= data_end)
		read_ipv6(out, data, data + ETH_LEN, skb->ifindex);
}

static __always_inline __u32 owner_by_prefix(const struct sh_ip *ip)
{
	struct sh_home *globals = home_at(SH_HOME_NONE);
	struct sh_prefix_key key = {.length = 128, .ip = *ip};
	struct sh_address *address;

	if (!globals || !(globals->flags & SH_GLOBAL_PREFIXES))
		return SH_HOME_NONE;
	address = bpf_map_lookup_elem(&sh_prefixes, &key);
	return address ? address->home : SH_HOME_NONE;
}

/* home(packet) of the design, section 3, on the way out. May clear the sender of an ARP request. */
static __always_inline __u32 home_of_egress(struct __sk_buff *skb, const struct egress *out)
{
	const __u32 nobody = 0;
	__u32 owner, nic_home;

	if (out->of_nic)
		return home_of_nic(skb->ifindex);
	owner = owner_of(&out->source);
	if (!owner && out->kind != KIND_ARP)
		owner = owner_by_prefix(&out->source.ip);
	if (!owner)
		return home_of_nic(skb->ifindex);
	if (!out->resolves)
		return owner;
	nic_home = home_of_nic(skb->ifindex);
	if (nic_home && nic_home != owner) {
		bpf_skb_store_bytes(skb, ETH_LEN + offsetof(struct arp_packet, spa), &nobody, 4, 0);
		return nic_home;
	}
	return owner;
}

#endif
