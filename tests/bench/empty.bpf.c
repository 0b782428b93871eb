/*
 * The peers of every cost: programs that do nothing, or nothing but one thing.
 */
#include "bpf/lib/kernel.h"

/* 16 MiB: about what sh_addresses takes with 100,000 addresses. */
#define CELLS_LOG2 18

struct bench_cell {
  __u64 words[8];
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1 << CELLS_LOG2);
  __type(key, __u32);
  __type(value, struct bench_cell);
} bench_memory SEC(".maps");

SEC("tc")
int bench_empty_tc(struct __sk_buff* skb) {
  (void)skb;
  return TC_ACT_UNSPEC;
}

SEC("xdp")
int bench_empty_xdp(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_PASS;
}

/* The quickest way to get rid of a frame. */
SEC("xdp")
int bench_drop_xdp(struct xdp_md* ctx) {
  (void)ctx;
  return XDP_DROP;
}

/* One read of a place in that memory which the source address of the frame picks. */
SEC("tc")
int bench_memory_tc(struct __sk_buff* skb) {
  void *data = (void*)(long)skb->data, *data_end = (void*)(long)skb->data_end;
  struct bench_cell* cell;
  __u32 key;

  if (data + 30 > data_end)
    return TC_ACT_UNSPEC;
  __builtin_memcpy(&key, data + 26, 4);
  key = (key * 2654435761U) >> (32 - CELLS_LOG2);
  cell = bpf_map_lookup_elem(&bench_memory, &key);
  return cell && cell->words[0] ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "GPL";
