/*
 * Layer 2 of a frame that leaves by, or arrived on, another NIC than its home.
 */
#ifndef STRONGHOST_BPF_REWRITE_H
#define STRONGHOST_BPF_REWRITE_H

#include "bpf/lib/maps.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/ring.h"

#define ND_OPTION_SOURCE 1
#define ND_OPTION_TARGET 2
/* Options looked at in one ND message: link-layer address, nonce, and some that may come. */
#define ND_OPTIONS_MAX 4

struct nd_option {
	__u8 type;
	__u8 length; /* in units of 8 bytes (RFC 4861 4.6) */
	struct sh_mac mac;
};

/* Link-layer options that name one of `old` name `mac` afterwards; keeps the ICMPv6 checksum. */
static __always_inline bool rewrite_nd_options(struct __sk_buff *skb, __u32 offset,
					       const struct sh_mac *old1, const struct sh_mac *old2,
					       const struct sh_mac *mac)
{
	struct nd_option option, changed;
	__u32 i;
	__s64 difference;

	for (i = 0; i < ND_OPTIONS_MAX; i++) {
		if (bpf_skb_load_bytes(skb, offset, &option, sizeof(option)))
			return true; /* no further option */
		if (!option.length)
			return true; /* RFC 4861 4.6: receivers discard such a message */
		if ((option.type == ND_OPTION_SOURCE || option.type == ND_OPTION_TARGET) &&
		    option.length == 1 &&
		    (same_mac(option.mac.bytes, old1->bytes) ||
		     same_mac(option.mac.bytes, old2->bytes))) {
			changed = option;
			changed.mac = *mac;
			difference = bpf_csum_diff((__be32 *)&option, sizeof(option),
						   (__be32 *)&changed, sizeof(changed), 0);
			if (bpf_skb_store_bytes(skb, offset, &changed, sizeof(changed), 0))
				return false;
			if (bpf_l4_csum_replace(skb,
						IPV6_END + offsetof(struct nd_packet, checksum), 0,
						difference, 0))
				return false;
		}
		offset += option.length * 8U;
	}
	return true;
}

/* Where the options of an ND message begin; 0: none that name a MAC (RFC 4861 4.1 to 4.4). */
static __always_inline __u32 nd_options_at(__u8 type)
{
	if (type == ND_ROUTER_SOLICIT)
		return IPV6_END + 8;
	if (type == ND_ROUTER_ADVERT)
		return IPV6_END + 16;
	if (type == ND_SOLICIT || type == ND_ADVERT)
		return ND_END;
	return 0;
}

/* What the headers say of a frame of which only layer 2 is about to change. */
struct headers {
	__be16 protocol;
	__u8 next_header; /* IPv6 */
};

/* ARP sender fields and ND options that name `old1` or `old2` name `mac` afterwards. */
static __noinline bool rewrite_payload(struct __sk_buff *skb, const struct headers *headers,
				       const struct sh_mac *old1, const struct sh_mac *old2,
				       const struct sh_mac *mac)
{
	__u32 sha_offset = ETH_LEN + offsetof(struct arp_packet, sha), options;
	struct sh_mac sha;
	__u8 type;

	if (headers->protocol == bpf_htons(ETH_P_ARP)) {
		if (bpf_skb_load_bytes(skb, sha_offset, &sha, sizeof(sha)))
			return false;
		if (!same_mac(sha.bytes, old1->bytes) && !same_mac(sha.bytes, old2->bytes))
			return true;
		return !bpf_skb_store_bytes(skb, sha_offset, mac, sizeof(*mac), 0);
	}
	if (headers->protocol != bpf_htons(ETH_P_IPV6) || headers->next_header != IPPROTO_ICMPV6 ||
	    bpf_skb_load_bytes(skb, IPV6_END, &type, 1))
		return true;
	options = nd_options_at(type);
	return !options || rewrite_nd_options(skb, options, old1, old2, mac);
}

static __always_inline bool carries_macs(const struct headers *headers)
{
	return headers->protocol == bpf_htons(ETH_P_ARP) ||
	       (headers->protocol == bpf_htons(ETH_P_IPV6) &&
		headers->next_header == IPPROTO_ICMPV6);
}

/*
 * The frame of home `index` leaves NIC `here` for `wire`: its source MAC becomes the home's
 * (follow) or the wire's (stay), where it is the home's or this NIC's own. Macvlan children and
 * guests keep theirs. The caller has made the headers linear.
 */
static __always_inline bool rewrite_source(struct __sk_buff *skb, const struct sh_home *home,
					   __u32 index, const struct sh_home *here, __u32 wire)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	const struct sh_mac *mac = &home->mac;
	const struct ethhdr *eth = data;
	struct headers headers = {};
	struct sh_home *other;

	if (home->flags & SH_HOME_STAY) {
		other = home_at(member_on(index, wire));
		if (other && other->ifindex == wire)
			mac = &other->mac;
	}
	if (data + ETH_LEN > data_end)
		return false;
	if (same_mac(eth->h_source, mac->bytes) || (!same_mac(eth->h_source, home->mac.bytes) &&
						    !same_mac(eth->h_source, here->mac.bytes)))
		return true;
	headers.protocol = ether_type(data);
	if (data + IPV6_END <= data_end)
		headers.next_header = ((const struct ipv6hdr *)(data + ETH_LEN))->nexthdr;
	if (bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_source), mac, sizeof(*mac), 0))
		return false;
	return !carries_macs(&headers) ||
	       rewrite_payload(skb, &headers, &home->mac, &here->mac, mac);
}

/* bpf_redirect(BPF_F_INGRESS) runs eth_type_trans() again: the home must find its own MAC. */
static __always_inline bool rewrite_destination(struct __sk_buff *skb, const struct sh_home *home)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	const struct ethhdr *eth = data;

	if (data + ETH_LEN > data_end)
		return false;
	if (is_group_mac(eth->h_dest) || same_mac(eth->h_dest, home->mac.bytes))
		return true;
	return !bpf_skb_store_bytes(skb, 0, &home->mac, sizeof(home->mac), 0);
}

#endif
