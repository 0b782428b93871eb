/*
 * What `stronghost trace` sees: one record in sh_events for a packet that ended in a verdict, and
 * the filter that says which. The filter lies in the .bss map of the loaded programs, not pinned:
 * programs that an agent has just loaded trace nothing.
 */
#ifndef STRONGHOST_MAPS_TRACE_H
#define STRONGHOST_MAPS_TRACE_H

#include "maps/counters.h"
#include "maps/events.h"
#include "maps/types.h"

/* Bytes of a frame in a record, from the Ethernet header on: IPv6 with TCP or ND fits in. */
#define SH_TRACE_BYTES 96

/*
 * Records of all CPUs in each tenth of a second, 2,000 a second: the agent reads them all. What is
 * more is counted as missed.
 */
#define SH_TRACE_WINDOW_NS  100000000ULL
#define SH_TRACE_PER_WINDOW 200

enum sh_trace_program {
	SH_TRACE_STEER,
	SH_TRACE_DELIVER,
	SH_TRACE_GUARD,
};

/* Begins like struct sh_event. */
struct sh_trace_record {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 type;    /* SH_EVENT_PACKET */
	__u32 home;    /* index in sh_homes of the NIC that it is on; SH_HOME_NONE: of no group */
	__u32 ifindex; /* of the NIC that it is on */
	__u32 verdict; /* enum sh_verdict */
	__u32 length;  /* of the frame */
	__u8 captured; /* of it in `bytes` */
	__u8 program;  /* enum sh_trace_program */
	__u16 vlan;    /* id of the tag that the kernel keeps beside the frame; 0: none */
	__u8 bytes[SH_TRACE_BYTES]; /* as the program leaves it */
};
SH_ASSERT_SIZE(struct sh_trace_record, 128);

struct sh_trace {
	/* Written by the agent. */
	struct sh_ip ip; /* source, destination, or asked for by ARP or ND; "::": any */
	__u32 home;	 /* of the NIC that the packet is on; SH_HOME_NONE: any */
	__u32 verdicts;	 /* 1 << verdict, of those that are wanted; 0: nothing is traced */
	__u64 pad[5];
	/* Written by the programs, on a cache line of their own. */
	__u64 window_ns; /* CLOCK_MONOTONIC: when the window began that `taken` counts in */
	__u32 taken;
	__u32 missed; /* for want of room, or beyond the limit; since the programs were loaded */
	__u64 pad2[6];
} __attribute__((aligned(64)));
SH_ASSERT_SIZE(struct sh_trace, 128);

#endif
