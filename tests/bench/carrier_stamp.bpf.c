/*
 * When a NIC lost its carrier, by the kernel's own clock: what the signals are measured against.
 * And whether its home had another wire by the time that the kernel had done with it: who looks at
 * the map from outside may have to wait for the CPU.
 */
#include "bpf/lib/kernel.h"
#include "maps/homes.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, SH_HOMES_MAX);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, __u32);
  __type(value, struct sh_home);
} sh_homes SEC(".maps");

/* Set by the bench: the NIC, and its home; the last loss and the flip, CLOCK_MONOTONIC. */
__u32 watched = 0;
__u32 slot = 0;
__u64 lost_ns = 0;
__u64 flipped_ns = 0;

SEC("fentry/netif_carrier_off")
int stamp_loss(__u64* arguments) {
  const struct net_device* device = (void*)arguments[0];

  if ((__u32)device->ifindex == watched && !(device->state & (1UL << SH_LINK_STATE_NOCARRIER)))
    lost_ns = bpf_ktime_get_ns();
  return 0;
}

SEC("fexit/netif_carrier_off")
int stamp_flip(__u64* arguments) {
  const struct net_device* device = (void*)arguments[0];
  const struct sh_home* home = bpf_map_lookup_elem(&sh_homes, &slot);

  if ((__u32)device->ifindex == watched && lost_ns && !flipped_ns && home &&
      home->path.wire != watched)
    flipped_ns = bpf_ktime_get_ns();
  return 0;
}

char _license[] SEC("license") = "GPL";
