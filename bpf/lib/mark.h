/*
 * A frame that steer or deliver hands to another NIC passes that NIC's program again. The mark in
 * skb->cb tells it from frames that came there by themselves. It is set just before the redirect
 * and cleared by the program that meets it. cb[] is scratch memory between tc programs: it crosses
 * bpf_redirect() in both directions and no one else reads it (skb->mark would be seen by
 * firewalls). Nobody gains by forging it: it only says which home was found.
 */
#ifndef STRONGHOST_BPF_MARK_H
#define STRONGHOST_BPF_MARK_H

#include "bpf/lib/kernel.h"

#define MARK_OUT 0x53484f55U /* "SHOU" */
#define MARK_IN	 0x5348494eU /* "SHIN" */

/* Redirects that one frame may take: wires that change under it are followed, loops are not. */
#define MARK_HOPS_MAX 3

struct mark {
	__u32 home; /* index in sh_homes */
	__u32 hops;
};

/*
 * Volatile: merged stores would go through a pointer into the context, which the verifier refuses.
 */
static __always_inline void set_mark(volatile struct __sk_buff *skb, __u32 magic, __u32 home,
				     __u32 hops)
{
	skb->cb[0] = magic;
	skb->cb[1] = ~magic;
	skb->cb[2] = home;
	skb->cb[3] = hops;
}

static __always_inline void clear_mark(volatile struct __sk_buff *skb)
{
	skb->cb[0] = 0;
	skb->cb[1] = 0;
}

static __always_inline bool has_mark(const struct __sk_buff *skb, __u32 magic)
{
	return unlikely(skb->cb[0] == magic) && skb->cb[1] == ~magic && skb->cb[2];
}

/* Of a frame that has one. */
static __always_inline struct mark take_mark(struct __sk_buff *skb)
{
	struct mark mark = {.home = skb->cb[2], .hops = skb->cb[3]};

	clear_mark(skb);
	return mark;
}

#endif
