/* The one definition of the maps and settings; see lib/maps.h. */
#define SH_MAP_STORAGE
#include "bpf/lib/maps.h"

/*
 * Set by the agent before load: whether steer may look at the carrier of its NIC, and whether it
 * does so through bpf_cast_to_kern_ctx() (Linux 6.2) or, where that is missing, by
 * bpf_probe_read_kernel().
 */
const volatile bool sh_can_read_carrier = false;
const volatile bool sh_has_kernel_cast = false;

/* Set by the agent before load: the network namespace that it serves (SO_NETNS_COOKIE). */
const volatile __u64 sh_netns_cookie = 0;

char _license[] SEC("license") = "GPL";
