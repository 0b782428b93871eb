/*
 * ICMP redirects (RFC 1122 3.2.2.2). The stack follows one that comes from the first hop in use,
 * but with net.ipv4.conf.*.shared_media at 1, its default, to any gateway at all. And it goes by
 * the packet inside, whose source may be another address than that which the redirect came in for.
 */
#ifndef STRONGHOST_BPF_REDIRECT_H
#define STRONGHOST_BPF_REDIRECT_H

#include "bpf/lib/maps.h"
#include "bpf/lib/packet.h"

#define ICMP_TYPE_REDIRECT 5
#define IP_OFFSET	   0x1fff /* of iphdr.frag_off */

/* RFC 792: the redirect, and the packet that it is about. */
struct redirect {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be32 gateway;
	struct iphdr about;
};

static __always_inline bool same_network(__be32 a, __be32 b, __u8 length)
{
	return !((bpf_ntohl(a) ^ bpf_ntohl(b)) & ~0U << (32 - length));
}

/*
 * A redirect for one of our addresses whose new gateway is in no subnet of it, or which is about a
 * packet from another address. What is no address of ours is the stack's to judge. A fragment that
 * holds less than the redirect's headers would hide them.
 */
static __noinline bool is_unfit_redirect(struct __sk_buff *skb)
{
	struct redirect redirect;
	struct sh_address *own;
	struct sh_address_key key;
	struct iphdr ip;
	__u32 at;

	if (skb->protocol != bpf_htons(ETH_P_IP) ||
	    bpf_skb_load_bytes(skb, ETH_LEN, &ip, sizeof(ip)) || ip.protocol != IPPROTO_ICMP ||
	    ip.frag_off & bpf_htons(IP_OFFSET))
		return false;
	at = ETH_LEN + ip.ihl * 4;
	if (bpf_skb_load_bytes(skb, at, &redirect.type, 1) || redirect.type != ICMP_TYPE_REDIRECT)
		return false;
	key_from_ipv4(&key, ip.daddr);
	own = bpf_map_lookup_elem(&sh_addresses, &key);
	if (!own || !own->network || own->network > 32)
		return false;
	if (bpf_skb_load_bytes(skb, at, &redirect, sizeof(redirect)))
		return true;
	return redirect.about.saddr != ip.daddr ||
	       !same_network(redirect.gateway, ip.daddr, own->network);
}

#endif
