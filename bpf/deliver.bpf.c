/*
 * deliver: tc ingress of every member. Does guard's work where XDP is off, and carries what arrived
 * on a stand-in into the ingress of its home, so that the stack sees it arrive there.
 */
#include "bpf/lib/account.h"
#include "bpf/lib/heard.h"
#include "bpf/lib/ingress.h"
#include "bpf/lib/mark.h"
#include "bpf/lib/redirect.h"
#include "bpf/lib/rewrite.h"
#include "bpf/lib/trace.h"

static __always_inline int end(struct __sk_buff *skb, __u32 nic_home, enum sh_verdict verdict,
			       int action)
{
	account(nic_home, verdict, skb->len);
	if (is_traced(verdict))
		sh_trace_skb(skb, nic_home, verdict, SH_TRACE_DELIVER);
	return action;
}

/* A tag with VLAN id 0 holds a priority only: the frame is in no VLAN (802.1Q 9.6, table 9-2). */
static __always_inline bool in_vlan(const struct __sk_buff *skb)
{
	return skb->vlan_present && skb->vlan_tci & 0x0fff;
}

/*
 * What the guard let pass may pass. A weak host's guard lets all pass, which is counted here, and
 * what bears a sibling's MAC may be for an address that lived there.
 */
static __always_inline bool guarded(const struct sh_nic *nic, const struct __sk_buff *skb)
{
	const void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	const struct ethhdr *eth = data;
	struct sh_home *home = home_at(nic->home);

	if (skb->vlan_present || (home && home->flags & SH_HOME_WEAK))
		return false;
	if (data + ETH_LEN > data_end ||
	    !(is_group_mac(eth->h_dest) || same_mac(eth->h_dest, nic->mac.bytes)))
		return false;
	return (nic->flags & (SH_NIC_XDP_NATIVE | SH_NIC_VLAN_CHILDREN)) == SH_NIC_XDP_NATIVE &&
	       (skb->protocol == bpf_htons(ETH_P_IP) || skb->protocol == bpf_htons(ETH_P_IPV6) ||
		skb->protocol == bpf_htons(ETH_P_ARP));
}

static __noinline int deliver_to(struct __sk_buff *skb, __u32 index, __u32 here,
				 enum sh_verdict verdict)
{
	struct sh_home *home = home_at(index);

	if (!home || !rewrite_destination(skb, home))
		return end(skb, here, SH_IN_ERROR, SH_DROP);
	set_mark(skb, MARK_IN, index, 0);
	return end(skb, here, verdict, bpf_redirect(home->ifindex, BPF_F_INGRESS));
}

/*
 * Broadcast and multicast that nobody owns (router advertisements, membership queries, subnet
 * broadcasts) reach every home that this NIC carries.
 */
static __noinline int clone_into_homes(struct __sk_buff *skb, __u32 start)
{
	__u32 index = start, ifindex = skb->ifindex, i;
	struct sh_home *home;

	for (i = 0; i < SH_GROUP_MAX; i++) {
		home = home_at(index);
		if (!home)
			break;
		if (home->ifindex != ifindex && path_of(home).wire == ifindex &&
		    !(home->flags & SH_HOME_ALIAS)) {
			set_mark(skb, MARK_IN, index, 0);
			bpf_clone_redirect(skb, home->ifindex, BPF_F_INGRESS);
		}
		index = home->next;
		if (index == start)
			break;
	}
	/* The original goes on here: nobody may see the mark. */
	clear_mark(skb);
	return 0;
}

struct plain {
	__u32 home;   /* index: who owns the destination */
	__u32 here;   /* index: the NIC that the packet is on */
	bool watched; /* its gateways are */
};

/*
 * What most packets are: unicast of IPv4 or IPv6, and no ICMP, for an address that this NIC speaks
 * for, under its own MAC or the home's. One look-up tells; the rule is that of decide_ingress().
 */
static __always_inline bool plain_unicast(const struct __sk_buff *skb, struct plain *plain)
{
	const void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	const struct ethhdr *eth = data;
	const struct sh_home *home, *here;
	struct sh_address_key target;
	enum kind kind = plain_kind_of(data, data_end);

	if (kind == KIND_IPV4 && data + IPV4_END <= data_end) {
		const struct iphdr *ip = data + ETH_LEN;

		if (unlikely(ip->protocol == IPPROTO_ICMP))
			return false;
		key_from_ipv4(&target, ip->daddr);
	} else if (kind == KIND_IPV6 && data + IPV6_END <= data_end) {
		key_from_ipv6(&target, &((const struct ipv6hdr *)(data + ETH_LEN))->daddr);
	} else {
		return false;
	}
	plain->home = owner_of(&target);
	home = home_at(plain->home);
	if (!plain->home || !home || path_of(home).wire != skb->ifindex)
		return false;
	if (likely(home->ifindex == skb->ifindex)) {
		plain->here = plain->home;
		plain->watched = home->flags & SH_HOME_WATCHED;
		return same_mac(eth->h_dest, home->mac.bytes);
	}
	plain->here = member_on(plain->home, skb->ifindex);
	here = home_at(plain->here);
	plain->watched = here && here->flags & SH_HOME_WATCHED;
	return plain->here && here &&
	       (same_mac(eth->h_dest, home->mac.bytes) || same_mac(eth->h_dest, here->mac.bytes));
}

static __always_inline void note(struct __sk_buff *skb, __u32 here, enum kind kind)
{
	note_heard(here, (void *)(long)skb->data, (void *)(long)skb->data_end, kind);
}

/* VLAN-tagged frames say nothing: a router shows one MAC in many VLANs. */
static __noinline int note_other(struct __sk_buff *skb, __u32 here, enum sh_verdict verdict,
				 enum kind kind)
{
	if (!is_watched(here) || verdict == SH_IN_UNTOUCHED || verdict == SH_IN_SHORT)
		return 0;
	if (verdict == SH_IN_ECHO)
		note_echo(here);
	else
		note(skb, here, kind);
	return 0;
}

/* Every other frame. */
static __noinline int decide(struct __sk_buff *skb)
{
	struct sh_nic *nic = nic_of(skb->ifindex);
	struct ingress in = {};

	if (!nic)
		return end(skb, SH_HOME_NONE, SH_NOT_MANAGED, SH_PASS);
	if (in_vlan(skb))
		return end(skb, nic->home, SH_IN_UNTOUCHED, SH_PASS);
	if (is_unfit_redirect(skb))
		return end(skb, nic->home, SH_IN_REDIRECT, SH_DROP);
	if (guarded(nic, skb) && !carries_others(nic->home, skb->ifindex)) {
		note_other(skb, nic->home, SH_IN_PASS,
			   kind_of((void *)(long)skb->data, (void *)(long)skb->data_end));
		return end(skb, nic->home, SH_IN_PASS, SH_PASS);
	}
	pull_headers(skb);
	decide_ingress(&in, (void *)(long)skb->data, (void *)(long)skb->data_end, nic,
		       skb->ifindex);
	note_other(skb, nic->home, in.verdict, in.kind);
	if (in.to == TO_GROUP && !in.owned && in.verdict >= SH_IN_PASS && in.verdict != SH_IN_ECHO)
		clone_into_homes(skb, nic->home);
	if (is_drop(in.verdict))
		return end(skb, nic->home, in.verdict, SH_DROP);
	/* It moved here, and the peer still knows the MAC of where it lived. */
	if (in.verdict == SH_IN_PASS && in.to == TO_SIBLING && in.home == nic->home)
		return deliver_to(skb, in.home, nic->home, SH_IN_DELIVER);
	if (in.verdict == SH_IN_DELIVER || (in.verdict == SH_IN_LINGER && in.home != nic->home))
		return deliver_to(skb, in.home, nic->home, in.verdict);
	return end(skb, nic->home, in.verdict, SH_PASS);
}

SEC("tc")
int sh_deliver(struct __sk_buff *skb)
{
	struct plain plain = {};

	if (has_mark(skb, MARK_IN)) {
		clear_mark(skb);
		return end(skb, home_of_nic(skb->ifindex), SH_IN_HOME, SH_PASS);
	}
	if (skb->vlan_present || !plain_unicast(skb, &plain))
		return decide(skb);
	if (plain.watched)
		note(skb, plain.here, KIND_IPV4);
	if (likely(plain.home == plain.here))
		return end(skb, plain.here, SH_IN_PASS, SH_PASS);
	return deliver_to(skb, plain.home, plain.here, SH_IN_DELIVER);
}

char _license[] SEC("license") = "GPL";
