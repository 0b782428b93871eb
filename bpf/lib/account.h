/*
 * Every packet ends here once: one verdict, one counter.
 */
#ifndef STRONGHOST_BPF_ACCOUNT_H
#define STRONGHOST_BPF_ACCOUNT_H

#include "bpf/lib/maps.h"

/* `home` is the index of the NIC that the packet is on; SH_HOME_NONE for a NIC of no group. */
static __always_inline void account(__u32 home, enum sh_verdict verdict, __u32 bytes)
{
	__u32 key = SH_COUNTER_KEY(home, verdict);
	struct sh_counter *counter = bpf_map_lookup_elem(&sh_counters, &key);

	if (counter) {
		counter->packets++;
		counter->bytes += bytes;
	}
}

#endif
