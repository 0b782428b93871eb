/*
 * Who asked which address of ours.
 */
#ifndef STRONGHOST_BPF_REPLY_H
#define STRONGHOST_BPF_REPLY_H

#include "bpf/lib/kernel.h"
#include "bpf/lib/maps.h"

#include <linux/in6.h>
#include <linux/udp.h>

extern const volatile __u64 sh_netns_cookie;

#define SH_CGROUP_PASS 1

#define AF_INET	   2
#define AF_INET6   10
#define SOCK_DGRAM 2

/* A socket of its own, for whoever asked another one, is made at once. */
#define OTHER_SOCKET_NS 1000000000ULL

static __always_inline void map_ipv4(struct sh_ip *ip, __be32 address)
{
	ip->words[0] = 0;
	ip->words[1] = 0;
	ip->words[2] = bpf_htonl(0xffff);
	ip->words[3] = address;
}

static __always_inline bool is_our_namespace(struct bpf_sock_addr *ctx)
{
	return bpf_get_netns_cookie(ctx) == sh_netns_cookie;
}

static __always_inline bool is_ours(const struct sh_ip *ip)
{
	struct sh_address_key key = {.ip = *ip};

	return owner_of(&key) != SH_HOME_NONE;
}

static __always_inline bool is_wildcard(const struct bpf_sock *sk)
{
	if (sk->family == AF_INET)
		return !sk->src_ip4;
	return !(sk->src_ip6[0] | sk->src_ip6[1] | sk->src_ip6[2] | sk->src_ip6[3]);
}

/* A UDP socket without an address, connected to nobody: it has to choose one for every answer. */
static __always_inline bool wants_note(struct bpf_sock *sk)
{
	if (!sk)
		return false;
	sk = bpf_sk_fullsock(sk);
	return sk && sk->protocol == IPPROTO_UDP && !sk->dst_port && is_wildcard(sk);
}

static __always_inline bool read_ports(struct __sk_buff *skb, __u32 offset,
				       struct sh_reply_key *key)
{
	struct udphdr udp;

	if (bpf_skb_load_bytes(skb, offset, &udp, sizeof(udp)))
		return false;
	key->peer_port = udp.source;
	key->local_port = bpf_ntohs(udp.dest);
	return true;
}

/* The peer, both ports, and the address that was asked. UDP is next behind the IPv6 header only. */
static __always_inline bool read_asked(struct __sk_buff *skb, struct sh_reply_key *key,
				       struct sh_ip *asked)
{
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr ip;

		if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.protocol != IPPROTO_UDP)
			return false;
		map_ipv4(&key->peer, ip.saddr);
		map_ipv4(asked, ip.daddr);
		return read_ports(skb, ip.ihl * 4, key);
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr ip6;

		if (bpf_skb_load_bytes(skb, 0, &ip6, sizeof(ip6)) || ip6.nexthdr != IPPROTO_UDP)
			return false;
		__builtin_memcpy(&key->peer, &ip6.saddr, sizeof(key->peer));
		__builtin_memcpy(asked, &ip6.daddr, sizeof(*asked));
		return read_ports(skb, sizeof(ip6), key);
	}
	return false;
}

static __always_inline bool same_ip(const struct sh_ip *a, const struct sh_ip *b)
{
	return !((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1]) |
		 (a->words[2] ^ b->words[2]) | (a->words[3] ^ b->words[3]));
}

/* A peer that goes on asking the same address costs no update. */
static __always_inline void note(const struct sh_reply_key *key,
				 const struct sh_reply_source *asked)
{
	struct sh_reply_source *known = bpf_map_lookup_elem(&sh_reply_sources, key);

	if (known && same_ip(&known->address, &asked->address))
		known->asked_ns = asked->asked_ns;
	else
		bpf_map_update_elem(&sh_reply_sources, key, asked, BPF_ANY);
}

static __always_inline void read_peer6(struct sh_ip *ip, const struct bpf_sock_addr *ctx)
{
	ip->words[0] = ctx->user_ip6[0];
	ip->words[1] = ctx->user_ip6[1];
	ip->words[2] = ctx->user_ip6[2];
	ip->words[3] = ctx->user_ip6[3];
}

/* UDP, and neither address nor port yet. */
static __always_inline bool is_unbound_udp(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	return ctx->type == SOCK_DGRAM && ctx->protocol == IPPROTO_UDP && sk && !sk->src_port &&
	       is_wildcard(sk);
}

/*
 * The address that this peer asked, if it is ours still. Another socket than the one that was asked
 * answers for it only at once: later it is a client of its own.
 */
static __always_inline const struct sh_ip *reply_source(struct bpf_sock_addr *ctx,
							struct sh_reply_key *key)
{
	struct bpf_sock *sk = ctx->sk;
	struct sh_reply_source *asked;

	if (!sk)
		return NULL;
	key->peer_port = ctx->user_port;
	key->local_port = sk->src_port;
	if (bpf_map_lookup_elem(&sh_reply_except, &key->local_port))
		return NULL;
	asked = bpf_map_lookup_elem(&sh_reply_sources, key);
	if (!asked) {
		key->local_port = 0;
		asked = bpf_map_lookup_elem(&sh_reply_sources, key);
		if (asked && bpf_ktime_get_ns() - asked->asked_ns > OTHER_SOCKET_NS)
			asked = NULL;
	}
	return asked && is_ours(&asked->address) ? &asked->address : NULL;
}

#endif
