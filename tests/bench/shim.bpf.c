/*
 * BPF_PROG_TEST_RUN runs a program many times on one frame. Redirected frames come back with a mark
 * and another MAC, and would go another way the second time; and one frame asks for one key, which
 * then lies in the cache. The shim puts MACs and mark back, writes another address into the frame,
 * and calls the program under test, or the empty one.
 */
#include "tests/bench/shim.h"
#include "bpf/lib/kernel.h"

#define SHORTEST_FRAME 42 /* Ethernet and ARP */

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, BENCH_SLOTS);
  __type(key, __u32);
  __type(value, __u32);
} bench_tc SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, BENCH_SLOTS);
  __type(key, __u32);
  __type(value, __u32);
} bench_xdp SEC(".maps");

struct bench_setting setting;
__u32 seed;

static __always_inline void put_right(void* data, void* data_end) {
  __be32 address;

  if (data + SHORTEST_FRAME > data_end)
    return;
  __builtin_memcpy(data, setting.macs, sizeof(setting.macs));
  seed = seed * 1664525 + 1013904223;
  address = bpf_htonl(setting.first + (__u32)(((__u64)seed * setting.keys) >> 32));
  if (setting.address_at == 26)
    __builtin_memcpy(data + 26, &address, 4);
  else if (setting.address_at == 30)
    __builtin_memcpy(data + 30, &address, 4);
  else if (setting.address_at == 38)
    __builtin_memcpy(data + 38, &address, 4);
}

SEC("tc")
int bench_shim_tc(struct __sk_buff* skb) {
  put_right((void*)(long)skb->data, (void*)(long)skb->data_end);
  skb->cb[0] = setting.mark[0];
  skb->cb[1] = setting.mark[1];
  skb->cb[2] = setting.mark[2];
  skb->cb[3] = setting.mark[3];
  bpf_tail_call(skb, &bench_tc, setting.slot);
  return TC_ACT_SHOT;
}

SEC("xdp")
int bench_shim_xdp(struct xdp_md* ctx) {
  put_right((void*)(long)ctx->data, (void*)(long)ctx->data_end);
  bpf_tail_call(ctx, &bench_xdp, setting.slot);
  return XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
