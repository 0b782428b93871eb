/*
 * The two look-ups on the way in, the same for guard (XDP) and deliver (tc): whose frame is this,
 * and is this NIC the one that speaks for it now.
 */
#ifndef STRONGHOST_BPF_INGRESS_H
#define STRONGHOST_BPF_INGRESS_H

#include "bpf/lib/conflict.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/ring.h"
#include "bpf/lib/wire.h"

/* Whom the frame is for at layer 2. */
enum to {
	TO_NIC,	    /* this NIC's own MAC */
	TO_GROUP,   /* broadcast or multicast */
	TO_SIBLING, /* another member's MAC */
	TO_OTHER,   /* none of ours: promiscuous mode, macvlan children, guests */
};

struct ingress {
	enum sh_verdict verdict;
	enum kind kind;
	enum to to;
	bool asks;  /* ARP request or neighbour solicitation: the answer would be ours to give */
	bool owned; /* `home` owns the address asked for or sent to */
	__u32 home; /* index; for unowned unicast the member whose MAC is the destination */
	struct sh_address_key target;
	struct claim claim;
};

static __always_inline void read_arp_in(struct ingress *in, const struct arp_packet *arp)
{
	key_from_ipv4(&in->target, arp_ip(arp->tpa));
	key_from_ipv4(&in->claim.key, arp_ip(arp->spa));
	in->claim.mac = arp->sha;
	in->claim.made = true;
	in->asks = arp->operation == bpf_htons(ARPOP_REQUEST);
}

static __always_inline void read_nd_in(struct ingress *in, const struct nd_packet *nd,
				       const struct ethhdr *eth)
{
	if (nd->type == ND_SOLICIT) {
		key_from_ipv6(&in->target, &nd->target);
		in->asks = true;
		return;
	}
	key_from_ipv6(&in->claim.key, &nd->target);
	__builtin_memcpy(&in->claim.mac, eth->h_source, 6);
	in->claim.made = true;
}

/* Fills kind, target, asks and claim from a frame whose needed bytes are linear. */
static __always_inline void read_ingress(struct ingress *in, const void *data, const void *data_end)
{
	const struct ethhdr *eth = data;
	const struct iphdr *ip = data + ETH_LEN;
	const struct ipv6hdr *ip6 = data + ETH_LEN;

	in->kind = kind_of(data, data_end);
	if (in->kind == KIND_SHORT) {
		in->verdict = SH_IN_SHORT;
	} else if (in->kind == KIND_OTHER) {
		in->verdict = SH_IN_UNTOUCHED;
	} else if (in->kind == KIND_IPV4 && data + IPV4_END <= data_end) {
		key_from_ipv4(&in->target, ip->daddr);
	} else if (in->kind == KIND_ARP && data + ARP_END <= data_end) {
		read_arp_in(in, data + ETH_LEN);
	} else if (data + IPV6_END <= data_end) {
		key_from_ipv6(&in->target, &ip6->daddr);
		if (in->kind == KIND_ND && data + ND_END <= data_end)
			read_nd_in(in, data + IPV6_END, eth);
	}
}

static __always_inline void find_home(struct ingress *in, const struct sh_nic *nic, __u32 ifindex)
{
	if (in->kind != KIND_ARP && is_link_local(&in->target.ip)) {
		__u32 by_mac = in->to == TO_GROUP ? SH_HOME_NONE : in->home;
		__u32 owner = owner_of_link_local(&in->target, nic->home, by_mac, ifindex);

		in->owned = owner != SH_HOME_NONE;
		if (in->owned)
			in->home = owner;
		return;
	}
	__u32 owner = owner_of(&in->target);

	/* Broadcasts of a prefix's own subnet are nobody's. */
	if (!owner && (in->asks || in->to != TO_GROUP))
		owner = owner_by_prefix(&in->target.ip);
	in->owned = owner != SH_HOME_NONE;
	if (in->owned)
		in->home = owner;
}

/* The design's rule for ingress on this NIC, as one verdict. */
static __always_inline enum sh_verdict judge(const struct ingress *in, const struct sh_home *home,
					     __u32 ifindex)
{
	__u32 wire = path_of(home).wire;

	if (wire == ifindex)
		return home->ifindex == ifindex ? SH_IN_PASS : SH_IN_DELIVER;
	if (in->asks && (in->owned || in->to != TO_GROUP))
		return SH_IN_SUPPRESS;
	if (READ_ONCE(home->linger) == ifindex && in->to != TO_GROUP)
		return SH_IN_LINGER;
	if ((home->flags & SH_HOME_WEAK) && (in->owned || in->to == TO_NIC) && in->kind != KIND_ARP)
		return SH_IN_WEAK;
	return SH_IN_FOREIGN;
}

/* The MAC of a NIC that is gone, which this one serves as its own. */
static __always_inline bool is_alias(__u32 index, __u32 ifindex)
{
	struct sh_home *home = home_at(index);

	return home && home->flags & SH_HOME_ALIAS && path_of(home).wire == ifindex;
}

/*
 * Ends with a verdict and the home it is about. A group frame that nobody owns is judged for this
 * NIC's own home; deliver clones it into the other homes that the NIC carries.
 */
static __always_inline void decide_ingress(struct ingress *in, const void *data,
					   const void *data_end, const struct sh_nic *nic,
					   __u32 ifindex)
{
	const struct ethhdr *eth = data;
	struct sh_home *home;

	read_ingress(in, data, data_end);
	if (in->verdict || data + ETH_LEN > data_end)
		return;
	in->home = nic->home;
	if (same_mac(eth->h_dest, nic->mac.bytes)) {
		in->to = TO_NIC;
	} else if (is_group_mac(eth->h_dest)) {
		__u32 sender = member_by_mac(nic->home, eth->h_source);

		in->to = TO_GROUP;
		if (sender) {
			watch_for_our_mac(sender, ifindex);
			in->verdict = SH_IN_ECHO;
			return;
		}
	} else {
		in->home = member_by_mac(nic->home, eth->h_dest);
		in->to = in->home ? TO_SIBLING : TO_OTHER;
		if (is_alias(in->home, ifindex))
			in->home = nic->home;
	}
	if (unlikely(in->claim.made))
		watch_for_conflict(&in->claim, nic->home, ifindex);
	if (in->to == TO_OTHER) {
		/* The stack sorts these out by MAC; they are none of ours. */
		in->home = nic->home;
		in->verdict = SH_IN_PASS;
		return;
	}
	find_home(in, nic, ifindex);
	home = home_at(in->home);
	in->verdict = home && home->ifindex ? judge(in, home, ifindex) : SH_IN_PASS;
}

static __always_inline bool is_drop(enum sh_verdict verdict)
{
	return verdict == SH_IN_SUPPRESS || verdict == SH_IN_FOREIGN || verdict == SH_IN_ECHO;
}

#endif
