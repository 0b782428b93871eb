/*
 * What the shim puts right before each run. Shared by shim.bpf.c and C++.
 */
#ifndef STRONGHOST_BENCH_SHIM_H
#define STRONGHOST_BENCH_SHIM_H

#include <linux/types.h>

/* Slots of the two program arrays: 0 is the empty program. */
#define BENCH_SLOTS 16

struct bench_setting {
  __u32 slot;       /* of the program that is called */
  __u32 address_at; /* 26, 30 or 38: where in the frame the IPv4 address lies that varies */
  __u32 first;      /* host order: the first of the addresses */
  __u32 keys;       /* how many addresses there are, from `first` on */
  __u32 mark[4];    /* into skb->cb: magic, ~magic, home, hops; zeros: no mark */
  __u8 macs[12];    /* destination and source, as the frame has to bear them */
};

#endif
