/* The one definition of the maps and settings; see lib/maps.h. */
#define SH_MAP_STORAGE
#include "bpf/lib/maps.h"

/* Set by the agent before load: the kernel has bpf_cast_to_kern_ctx() (Linux 6.2). */
const volatile bool sh_can_read_carrier = false;

char _license[] SEC("license") = "GPL";
