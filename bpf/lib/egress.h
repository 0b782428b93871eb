/*
 * The first look-up on the way out: who owns the source of this frame.
 */
#ifndef STRONGHOST_BPF_EGRESS_H
#define STRONGHOST_BPF_EGRESS_H

#include "bpf/lib/account.h"
#include "bpf/lib/flip.h"
#include "bpf/lib/mark.h"
#include "bpf/lib/packet.h"

struct egress {
	enum sh_verdict verdict; /* set: the frame ends here, untouched */
	enum kind kind;
	bool of_nic;   /* belongs to the NIC that it is on, whatever its source */
	bool routed;   /* unicast IP: a gateway may be asked anew */
	bool resolves; /* ARP request for a neighbour, which has to come back to this NIC */
	struct sh_address_key source;
};

static __always_inline void read_ipv4(struct egress *out, const struct ethhdr *eth,
				      const struct iphdr *ip)
{
	key_from_ipv4(&out->source, ip->saddr);
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
	key_from_ipv4(&out->source, arp_ip(arp->spa));
	out->resolves = arp->operation == bpf_htons(ARPOP_REQUEST) &&
			__builtin_memcmp(arp->spa, arp->tpa, 4) != 0;
}

/* All that is no plain IP packet with its headers linear. */
static __noinline int read_rare(struct __sk_buff *skb, struct egress *out)
{
	void *data, *data_end;

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
	return 0;
}

static __always_inline void read_egress(struct __sk_buff *skb, struct egress *out)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;

	if (unlikely(skb->vlan_present)) {
		out->verdict = SH_OUT_UNTOUCHED;
		return;
	}
	out->kind = plain_kind_of(data, data_end);
	if (out->kind == KIND_IPV4 && data + IPV4_END <= data_end)
		read_ipv4(out, data, data + ETH_LEN);
	else if (out->kind == KIND_IPV6 && data + IPV6_END <= data_end)
		read_ipv6(out, data, data + ETH_LEN, skb->ifindex);
	else
		read_rare(skb, out);
}

/* Nobody owns the source by its address: a prefix may, else the frame is of the NIC it is on. */
static __noinline __u32 home_of_stranger(struct __sk_buff *skb, const struct egress *out)
{
	__u32 owner = out->kind == KIND_ARP ? SH_HOME_NONE : owner_by_prefix(&out->source.ip);

	return owner ? owner : home_of_nic(skb->ifindex);
}

/* Whose ARP request it is that resolves a neighbour; may clear its sender. */
static __noinline __u32 home_of_request(struct __sk_buff *skb, __u32 owner)
{
	const __u32 nobody = 0;
	__u32 nic_home = home_of_nic(skb->ifindex);

	if (!nic_home || nic_home == owner)
		return owner;
	bpf_skb_store_bytes(skb, ETH_LEN + offsetof(struct arp_packet, spa), &nobody, 4, 0);
	return nic_home;
}

/* home(packet) of the design, section 3, on the way out. */
static __always_inline __u32 home_of_egress(struct __sk_buff *skb, const struct egress *out)
{
	__u32 owner;

	if (unlikely(out->of_nic))
		return home_of_nic(skb->ifindex);
	owner = owner_of(&out->source);
	if (unlikely(!owner))
		return home_of_stranger(skb, out);
	return unlikely(out->resolves) ? home_of_request(skb, owner) : owner;
}

#endif
