/*
 * Shows a packet to whoever traces, once its verdict is known. Nobody does: one load and a branch.
 */
#ifndef STRONGHOST_BPF_TRACE_H
#define STRONGHOST_BPF_TRACE_H

#include "bpf/lib/kernel.h"
#include "maps/trace.h"

extern struct sh_trace sh_trace;

/* In trace.bpf.c: verified once, whoever calls them. */
int sh_trace_skb(struct __sk_buff *skb, __u32 home, enum sh_verdict verdict,
		 enum sh_trace_program program);
int sh_trace_xdp(struct xdp_md *ctx, __u32 home, enum sh_verdict verdict);

static __always_inline bool is_traced(enum sh_verdict verdict)
{
	return unlikely(READ_ONCE(sh_trace.verdicts) & 1U << verdict);
}

#endif
