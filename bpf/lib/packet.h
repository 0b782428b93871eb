/*
 * Reading headers. Everything that is decided stands in fixed places: IPv4 and IPv6 addresses lie
 * before any option or extension header, so fragments, options and extension headers steer like
 * plain packets. Neighbour discovery is recognised directly behind the IPv6 header only; behind an
 * extension header it is a plain packet (RFC 6980 forbids fragmented ND, and no kernel sends it
 * so).
 */
#ifndef STRONGHOST_BPF_PACKET_H
#define STRONGHOST_BPF_PACKET_H

#include "bpf/lib/kernel.h"
#include "maps/addresses.h"

enum kind {
	KIND_SHORT, /* headers cut off */
	KIND_OTHER, /* VLAN-tagged, or neither IP nor ARP */
	KIND_ARP,
	KIND_IPV4,
	KIND_IPV6,
	KIND_ND, /* IPv6 with a neighbour solicitation or advertisement */
};

/* Ethernet ARP for IPv4 (RFC 826). */
struct arp_packet {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_len;
	__u8 protocol_len;
	__be16 operation;
	struct sh_mac sha;
	__u8 spa[4];
	struct sh_mac tha;
	__u8 tpa[4];
} __attribute__((packed));

/* Neighbour solicitation or advertisement up to its options (RFC 4861 4.3, 4.4). */
struct nd_packet {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be32 flags;
	struct sh_ip target;
} __attribute__((packed));

/* linux/if_arp.h includes libc headers, which a BPF target does not have. */
#define ARPHRD_ETHER  1
#define ARPOP_REQUEST 1

#define ND_ROUTER_SOLICIT 133
#define ND_ROUTER_ADVERT  134
#define ND_SOLICIT	  135
#define ND_ADVERT	  136

#define ETH_LEN	 ((__u32)sizeof(struct ethhdr))
#define ARP_END	 (ETH_LEN + (__u32)sizeof(struct arp_packet))
#define IPV4_END (ETH_LEN + (__u32)sizeof(struct iphdr))
#define IPV6_END (ETH_LEN + (__u32)sizeof(struct ipv6hdr))
#define ND_END	 (IPV6_END + (__u32)sizeof(struct nd_packet))

/* linux/if_ether.h packs its header, which costs a load for each byte. */
static __always_inline __be16 ether_type(const void *data)
{
	return *(const __be16 *)(data + offsetof(struct ethhdr, h_proto));
}

/*
 * How many bytes of the frame a decision may read, as far as `data_end` lets tell: the caller pulls
 * that many into the linear part (tc) before it asks kind_of().
 */
static __always_inline __u32 bytes_needed(const void *data, const void *data_end)
{
	if (data + ETH_LEN > data_end)
		return ETH_LEN;
	if (ether_type(data) == bpf_htons(ETH_P_IP))
		return IPV4_END;
	if (ether_type(data) == bpf_htons(ETH_P_ARP))
		return ARP_END;
	if (ether_type(data) == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip6 = data + ETH_LEN;

		if (data + IPV6_END <= data_end && ip6->nexthdr == IPPROTO_ICMPV6)
			return ND_END;
		return IPV6_END;
	}
	return ETH_LEN;
}

/* Twice: only with the IPv6 header at hand is it known whether ND follows. */
static __noinline int pull(struct __sk_buff *skb)
{
	__u32 i, needed;

	for (i = 0; i < 2; i++) {
		void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;

		needed = bytes_needed(data, data_end);
		if (needed > skb->len)
			needed = skb->len;
		if (data + needed <= data_end || bpf_skb_pull_data(skb, needed))
			break;
	}
	return 0;
}

/*
 * Makes the bytes linear that kind_of() and its followers read; the caller loads data and data_end
 * afterwards. The stack's own packets have their headers linear: no pull, and no copy of a cloned
 * one.
 */
static __always_inline void pull_headers(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;

	if (unlikely(data + bytes_needed(data, data_end) > data_end))
		pull(skb);
}

static __always_inline bool is_ethernet_arp(const struct arp_packet *arp)
{
	return arp->hardware == bpf_htons(ARPHRD_ETHER) && arp->protocol == bpf_htons(ETH_P_IP) &&
	       arp->hardware_len == 6 && arp->protocol_len == 4;
}

static __always_inline enum kind kind_of(const void *data, const void *data_end)
{
	if (data + ETH_LEN > data_end)
		return KIND_SHORT;
	if (ether_type(data) == bpf_htons(ETH_P_IP))
		return data + IPV4_END <= data_end ? KIND_IPV4 : KIND_SHORT;
	if (ether_type(data) == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip6 = data + ETH_LEN;
		const struct nd_packet *nd = data + IPV6_END;

		if (data + IPV6_END > data_end)
			return KIND_SHORT;
		if (ip6->nexthdr != IPPROTO_ICMPV6 || data + ND_END > data_end)
			return KIND_IPV6;
		return nd->type == ND_SOLICIT || nd->type == ND_ADVERT ? KIND_ND : KIND_IPV6;
	}
	if (ether_type(data) == bpf_htons(ETH_P_ARP)) {
		if (data + ARP_END > data_end)
			return KIND_SHORT;
		return is_ethernet_arp(data + ETH_LEN) ? KIND_ARP : KIND_OTHER;
	}
	return KIND_OTHER;
}

/* KIND_IPV4 or KIND_IPV6 where that is certain at a glance; KIND_OTHER: ask kind_of(). */
static __always_inline enum kind plain_kind_of(const void *data, const void *data_end)
{
	if (unlikely(data + IPV4_END > data_end))
		return KIND_OTHER;
	if (ether_type(data) == bpf_htons(ETH_P_IP))
		return KIND_IPV4;
	if (ether_type(data) != bpf_htons(ETH_P_IPV6) || data + IPV6_END > data_end ||
	    ((const struct ipv6hdr *)(data + ETH_LEN))->nexthdr == IPPROTO_ICMPV6)
		return KIND_OTHER;
	return KIND_IPV6;
}

/* The addresses of an ARP packet, which lie on halves of words. */
static __always_inline __be32 arp_ip(const __u8 *bytes)
{
	__be32 ip;

	__builtin_memcpy(&ip, __builtin_assume_aligned(bytes, 2), 4);
	return ip;
}

static __always_inline void key_from_ipv4(struct sh_address_key *key, __be32 ip)
{
	key->ip.words[0] = 0;
	key->ip.words[1] = 0;
	key->ip.words[2] = bpf_htonl(0xffff);
	key->ip.words[3] = ip;
	key->scope = 0;
}

static __always_inline void key_from_ipv6(struct sh_address_key *key, const void *bytes)
{
	__builtin_memcpy(&key->ip, __builtin_assume_aligned(bytes, 4), 16);
	key->scope = 0;
}

/* fe80::/10 */
static __always_inline bool is_link_local(const struct sh_ip *ip)
{
	return (ip->words[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

/* Broadcast counts as multicast: the group bit is set. */
static __always_inline bool is_group_mac(const __u8 *mac)
{
	return mac[0] & 1;
}

/* Both lie at even addresses, in frames as in maps. The last bytes differ most often. */
static __always_inline bool same_mac(const __u8 *a, const __u8 *b)
{
	const __u16 *x = __builtin_assume_aligned(a, 2), *y = __builtin_assume_aligned(b, 2);

	return x[2] == y[2] && x[1] == y[1] && x[0] == y[0];
}

#endif
