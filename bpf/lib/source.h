/*
 * Which source a socket gets that was bound to none, where its group asks for a choice.
 */
#ifndef STRONGHOST_BPF_SOURCE_H
#define STRONGHOST_BPF_SOURCE_H

#include "bpf/lib/kernel.h"
#include "bpf/lib/maps.h"
#include "bpf/lib/reply_mark.h"

/* The agent takes an address without a wire out of the tables; until then another slot is tried. */
#define SOURCE_TRIES 4

/* Whether the NIC that carries the address's home now has a carrier. */
static __always_inline bool has_wire(const struct sh_ip *ip)
{
	struct sh_address_key key = {.ip = *ip};
	struct sh_home *home;
	struct sh_nic *wire;
	__u32 index = owner_of(&key);

	if (index == SH_HOME_NONE)
		return false;
	home = home_at(index);
	wire = home ? nic_of(home->path.wire) : NULL;
	return wire && !(wire->flags & SH_NIC_NO_CARRIER);
}

static __always_inline __u32 mix(__u32 hash, __u32 word)
{
	hash = (hash ^ word) * 0x9e3779b1U;
	return hash ^ (hash >> 15);
}

/* Of what a session is: the socket, and whom it speaks to. */
static __always_inline __u32 hash_flow(__u64 socket, const struct sh_ip *peer, __u32 port)
{
	__u32 hash = mix((__u32)socket, (__u32)(socket >> 32));

	hash = mix(hash, peer->words[0] ^ peer->words[1]);
	hash = mix(hash, peer->words[2] ^ peer->words[3]);
	return mix(hash, port);
}

/* NULL: routing's choice. A socket with a mark or a device of its own has made its choice. */
static __always_inline const struct sh_ip *choose_source(struct bpf_sock_addr *ctx,
							 const struct sh_ip *peer)
{
	struct sh_home *globals = home_at(SH_HOME_NONE);
	struct sh_prefix_key key = {.length = 128, .ip = *peer};
	struct bpf_sock *sk = ctx->sk;
	struct sh_source_route *route;
	struct sh_source_table *table;
	__u32 hash;

	if (!globals || !(globals->flags & SH_GLOBAL_SOURCES) || !sk)
		return NULL;
	if (sk->bound_dev_if || has_own_mark(sk))
		return NULL;
	route = bpf_map_lookup_elem(&sh_source_routes, &key);
	if (!route || route->table == SH_SOURCE_ROUTING)
		return NULL;
	table = bpf_map_lookup_elem(&sh_source_tables, &route->table);
	if (!table)
		return NULL;
	hash = hash_flow(bpf_get_socket_cookie(ctx), peer, ctx->user_port);
	for (int i = 0; i < SOURCE_TRIES; i++) {
		const struct sh_ip *slot = &table->slots[(hash >> 16) % SH_SOURCE_SLOTS];

		if (has_wire(slot))
			return slot;
		hash = mix(hash, i);
	}
	return NULL;
}

#endif
