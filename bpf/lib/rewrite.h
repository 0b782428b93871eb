/*
 * Layer 2 of a frame that leaves by, or arrived on, another NIC than its home.
 */
#ifndef STRONGHOST_BPF_REWRITE_H
#define STRONGHOST_BPF_REWRITE_H

#include "bpf/lib/maps.h"
#include "bpf/lib/packet.h"

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

/* Kinds as in read_egress(), asked again of the bytes: only rewritten frames pay for it. */
static __always_inline bool rewrite_payload(struct __sk_buff *skb, const struct sh_mac *old1,
					    const struct sh_mac *old2, const struct sh_mac *mac)
{
	__u32 sha_offset = ETH_LEN + offsetof(struct arp_packet, sha), options;
	struct sh_mac sha;
	__be16 protocol;
	__u8 next_header, type;

	if (bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_proto), &protocol, 2))
		return false;
	if (protocol == bpf_htons(ETH_P_ARP)) {
		if (bpf_skb_load_bytes(skb, sha_offset, &sha, sizeof(sha)))
			return false;
		if (!same_mac(sha.bytes, old1->bytes) && !same_mac(sha.bytes, old2->bytes))
			return true;
		return !bpf_skb_store_bytes(skb, sha_offset, mac, sizeof(*mac), 0);
	}
	if (protocol != bpf_htons(ETH_P_IPV6) ||
	    bpf_skb_load_bytes(skb, ETH_LEN + offsetof(struct ipv6hdr, nexthdr), &next_header, 1) ||
	    next_header != IPPROTO_ICMPV6 || bpf_skb_load_bytes(skb, IPV6_END, &type, 1))
		return true;
	options = nd_options_at(type);
	return !options || rewrite_nd_options(skb, options, old1, old2, mac);
}

/*
 * The frame of `home` leaves `nic` for `wire`: its source MAC becomes the home's (follow) or the
 * wire's (stay), where it is the home's or this NIC's own. Macvlan children and guests keep theirs.
 */
static __always_inline bool rewrite_source(struct __sk_buff *skb, const struct sh_home *home,
					   const struct sh_nic *nic, __u32 wire)
{
	struct sh_mac mac = home->mac, old = home->mac, here = home->mac;
	struct sh_nic *wire_nic;
	struct sh_mac source;

	if (nic)
		here = nic->mac;
	if (home->flags & SH_HOME_STAY) {
		wire_nic = nic_of(wire);
		if (wire_nic)
			mac = wire_nic->mac;
	}
	if (bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_source), &source, sizeof(source)))
		return false;
	if (same_mac(source.bytes, mac.bytes))
		return true;
	if (!same_mac(source.bytes, old.bytes) && !same_mac(source.bytes, here.bytes))
		return true;
	if (bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_source), &mac, sizeof(mac), 0))
		return false;
	return rewrite_payload(skb, &old, &here, &mac);
}

/* bpf_redirect(BPF_F_INGRESS) runs eth_type_trans() again: the home must find its own MAC. */
static __always_inline bool rewrite_destination(struct __sk_buff *skb, const struct sh_home *home)
{
	struct sh_mac destination;

	if (bpf_skb_load_bytes(skb, 0, &destination, sizeof(destination)))
		return false;
	if (is_group_mac(destination.bytes) || same_mac(destination.bytes, home->mac.bytes))
		return true;
	return !bpf_skb_store_bytes(skb, 0, &home->mac, sizeof(home->mac), 0);
}

#endif
