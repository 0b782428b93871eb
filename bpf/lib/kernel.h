/*
 * What the programs use of the kernel: the UAPI headers, and the structures that lead to a NIC's
 * carrier bit, reduced to the fields in use (CO-RE finds them).
 */
#ifndef STRONGHOST_BPF_KERNEL_H
#define STRONGHOST_BPF_KERNEL_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/icmpv6.h>
#include <linux/pkt_cls.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps/types.h"

/*
 * A packet's way through a program meets cold caches: what most packets need lies together, in one
 * straight line, and all else in functions of its own.
 */
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/*
 * Other programs on the NIC go on: TC_ACT_UNSPEC of cls_bpf and TCX_NEXT are the same number.
 */
#define SH_PASS TC_ACT_UNSPEC
#define SH_DROP TC_ACT_SHOT

struct net {
	__u64 net_cookie; /* Linux 5.14 */
} __attribute__((preserve_access_index));

typedef struct {
	struct net *net;
} __attribute__((preserve_access_index)) possible_net_t;

struct net_device {
	unsigned long state;
	int ifindex;
	possible_net_t nd_net;
} __attribute__((preserve_access_index));

struct sk_buff {
	struct net_device *dev;
} __attribute__((preserve_access_index));

/* Bit of net_device.state, enum netdev_state_t in linux/netdevice.h. */
#define SH_LINK_STATE_NOCARRIER 2

/* Linux 6.2. Weak: where it is missing, sh_has_kernel_cast is false and the call is dead code. */
extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym __weak;

/*
 * The field stays a load of its own: the compiler may otherwise merge or widen accesses in ways
 * that the verifier of older kernels refuses.
 */
#define READ_ONCE(x) (*(volatile typeof(x) *)&(x))

#endif
