/*
 * A socket that has a port cannot be bound to an address any more. When it is connected, a mark of
 * ours leads its route look-up to a table whose routes prefer that address.
 */
#ifndef STRONGHOST_BPF_REPLY_MARK_H
#define STRONGHOST_BPF_REPLY_MARK_H

#include "bpf/lib/kernel.h"
#include "bpf/lib/maps.h"

#define SOL_SOCKET 1
#define SO_MARK	   36

/*
 * Loaded for itself: the compiler must not keep the field's address, the verifier allows no
 * arithmetic on a socket.
 */
static __always_inline __u32 mark_of(const struct bpf_sock *sk)
{
	asm volatile("" : "+r"(sk));
	return sk->mark;
}

/* Whether it is one of ours; any other is the application's. */
static __always_inline bool is_reply_mark(__u32 mark)
{
	const struct sh_ip base = {};
	__u32 *first = bpf_map_lookup_elem(&sh_reply_marks, &base);

	return first && (mark & ~SH_REPLY_MARK_BITS) == *first;
}

static __always_inline bool has_own_mark(const struct bpf_sock *sk)
{
	__u32 mark = mark_of(sk);

	return mark && !is_reply_mark(mark);
}

/* Routing is to choose `source`, or is free again where that is NULL. */
static __always_inline void mark_for(struct bpf_sock_addr *ctx, const struct sh_ip *source)
{
	struct bpf_sock *sk = ctx->sk;
	__u32 mark = 0;

	if (!sk || (!source && !mark_of(sk)) || has_own_mark(sk))
		return;
	if (source) {
		__u32 *known = bpf_map_lookup_elem(&sh_reply_marks, source);

		mark = known ? *known : 0;
	}
	if (mark != mark_of(sk))
		bpf_setsockopt(ctx, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

#endif
