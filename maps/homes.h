/*
 * sh_homes: array (mmapable), home index -> struct sh_home. Slot 0 is no home: its ifindex holds
 * SH_LAYOUT_VERSION.
 * The second look-up: which NIC carries the home's frames now. Written by the agent; BPF changes
 * `path`, by compare-and-swap, and the two `conflict_ns`. Read by all programs.
 */
#ifndef STRONGHOST_MAPS_HOMES_H
#define STRONGHOST_MAPS_HOMES_H

#include "maps/types.h"

/*
 * Wire and backup change together, in one aligned 64-bit store or compare-and-swap, by the agent
 * and by BPF alike: nobody ever sees a wire with another wire's backup.
 */
struct sh_path {
	__u32 wire;   /* ifindex of the NIC that carries the home's frames; 0: the slot is unused */
	__u32 backup; /* ifindex that BPF may flip to when the wire has no carrier; 0: none.
		       * A flip makes (wire, backup) into (backup, 0). The agent names a new
		       * one, and before it the program at netif_carrier_off(). */
} __attribute__((aligned(8)));
SH_ASSERT_SIZE(struct sh_path, 8);

/* Frames bear the wire's MAC (mac = "stay"). Unset: they keep the home's ("follow"). */
#define SH_HOME_STAY (1U << 0)
/* Accept on any NIC (host_model = "weak"): deliver and guard drop nothing but ARP and ND. */
#define SH_HOME_WEAK (1U << 1)
/* The NIC is gone: the slot says that its MAC is served by the wire, as the wire's own. */
#define SH_HOME_ALIAS (1U << 2)
/* What its NIC hears of gateways is noted in sh_gateways. */
#define SH_HOME_WATCHED (1U << 3)
/* In slot 0 only: sh_prefixes holds something, so it is worth the look-up. */
#define SH_GLOBAL_PREFIXES (1U << 31)
/* In slot 0 only: some group chooses sources, so sh_source_routes is worth the look-up. */
#define SH_GLOBAL_SOURCES (1U << 30)

struct sh_home {
	struct sh_path path;
	__u32 ifindex; /* the home itself */
	/* The wire before the last planned change; it accepts unicast for the home (but answers no
	 * ARP or ND) until the agent clears it, so that frames on their way are not lost. 0: none.
	 */
	__u32 linger;
	__u32 flags; /* SH_HOME_* */
	__u32 group; /* number of the group, from 1 */
	__u32 next;  /* index of the next home of the group; the last points to the first */
	struct sh_mac mac;
	__u16 pad;
	__u64 conflict_ns;     /* CLOCK_MONOTONIC of the last conflict event, to report at most 1 a
				  second */
	__u64 mac_conflict_ns; /* the same for the home's MAC */
	__u64 pad2;
};
/* One cache line for each home. */
SH_ASSERT_SIZE(struct sh_home, 64);

#endif
