/*
 * Who asked which address of ours.
 */
#ifndef STRONGHOST_BPF_REPLY_H
#define STRONGHOST_BPF_REPLY_H

#include "bpf/lib/kernel.h"
#include "bpf/lib/maps.h"
#include "bpf/lib/reply_mark.h"
#include "bpf/lib/source.h"

#include <linux/in6.h>

extern const volatile __u64 sh_netns_cookie;

#define SH_CGROUP_PASS 1

#define AF_INET	    2
#define AF_INET6    10
#define SOCK_STREAM 1
#define SOCK_DGRAM  2

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

	return owner_of(&key) != SH_HOME_NONE || owner_by_prefix(ip) != SH_HOME_NONE;
}

static __always_inline bool is_wildcard(const struct bpf_sock *sk)
{
	if (sk->family == AF_INET)
		return !sk->src_ip4;
	return !(sk->src_ip6[0] | sk->src_ip6[1] | sk->src_ip6[2] | sk->src_ip6[3]);
}

/* The peer, both ports, and the address that was asked. */
static __always_inline void read_asked(const struct bpf_sk_lookup *ctx, struct sh_reply_key *key,
				       struct sh_ip *asked)
{
	key->peer_port = ctx->remote_port;
	key->local_port = ctx->local_port;
	if (ctx->family == AF_INET) {
		map_ipv4(&key->peer, READ_ONCE(ctx->remote_ip4));
		map_ipv4(asked, READ_ONCE(ctx->local_ip4));
		/* The compiler must not join both ways: fields are read at fixed places only. */
		asm volatile("" : : : "memory");
		return;
	}
	key->peer.words[0] = ctx->remote_ip6[0];
	key->peer.words[1] = ctx->remote_ip6[1];
	key->peer.words[2] = ctx->remote_ip6[2];
	key->peer.words[3] = ctx->remote_ip6[3];
	asked->words[0] = ctx->local_ip6[0];
	asked->words[1] = ctx->local_ip6[1];
	asked->words[2] = ctx->local_ip6[2];
	asked->words[3] = ctx->local_ip6[3];
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

/* UDP or TCP, and no address yet; perhaps a port. */
static __always_inline bool is_unbound(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	return sk && is_wildcard(sk) &&
	       ((ctx->type == SOCK_DGRAM && ctx->protocol == IPPROTO_UDP) ||
		(ctx->type == SOCK_STREAM && ctx->protocol == IPPROTO_TCP));
}

/*
 * The address that this peer asked, if it is ours still, or that was chosen for it before, while
 * that has a wire. Another socket than the one that was asked answers for it only at once: later it
 * is a client of its own.
 */
static __always_inline const struct sh_ip *reply_source(struct sh_reply_key *key)
{
	struct sh_reply_source *asked = NULL;

	if (key->local_port)
		asked = bpf_map_lookup_elem(&sh_reply_sources, key);
	if (asked && !asked->asked_ns && !has_wire(&asked->address))
		return NULL;
	if (!asked) {
		struct sh_reply_key any = *key;

		any.local_port = 0;
		asked = bpf_map_lookup_elem(&sh_reply_sources, &any);
		if (asked && bpf_ktime_get_ns() - asked->asked_ns > OTHER_SOCKET_NS)
			asked = NULL;
	}
	return asked && is_ours(&asked->address) ? &asked->address : NULL;
}

/*
 * The source of what goes to key->peer; NULL: routing's choice. What was chosen for UDP is noted,
 * so that it stays while addresses come and go, and an answer of the peer finds it agreeing.
 */
static __always_inline const struct sh_ip *source_for(struct bpf_sock_addr *ctx,
						      struct sh_reply_key *key)
{
	struct sh_reply_source chosen = {};
	struct bpf_sock *sk = ctx->sk;
	const struct sh_ip *source;

	if (!sk)
		return NULL;
	if (ctx->protocol != IPPROTO_UDP)
		return choose_source(ctx, &key->peer);
	key->peer_port = ctx->user_port;
	key->local_port = sk->src_port;
	if (bpf_map_lookup_elem(&sh_reply_except, &key->local_port))
		return NULL;
	source = reply_source(key);
	if (source)
		return source;
	source = choose_source(ctx, &key->peer);
	if (source && key->local_port) {
		chosen.address = *source;
		bpf_map_update_elem(&sh_reply_sources, key, &chosen, BPF_ANY);
	}
	return source;
}

#endif
