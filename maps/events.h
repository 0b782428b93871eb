/*
 * sh_events: ring buffer of struct sh_event, and of struct sh_trace_record while somebody traces.
 * Written by BPF, read by the agent. A full ring loses events, never packets: the agent also
 * compares sh_homes at every poll. Trace records fill half of it at most.
 */
#ifndef STRONGHOST_MAPS_EVENTS_H
#define STRONGHOST_MAPS_EVENTS_H

#include "maps/types.h"

#define SH_EVENTS_BYTES (256 * 1024)

enum sh_event_type {
	SH_EVENT_NONE,
	SH_EVENT_FLIP,	   /* BPF moved `home` from wire `ifindex` (no carrier) to wire `to` */
	SH_EVENT_CONFLICT, /* on `ifindex`: `mac`, which is none of ours, claims `ip` of `home` */
	/* on `ifindex`, the wire of `home`: a frame under `mac`, which is the home's own */
	SH_EVENT_MAC_CONFLICT,
	SH_EVENT_CARRIER, /* `ifindex` has lost its carrier, and BPF has moved what it could */
	SH_EVENT_PACKET,  /* a struct sh_trace_record (trace.h) */
};

struct sh_event {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u32 type;    /* enum sh_event_type */
	__u32 home;    /* index in sh_homes */
	__u32 ifindex;
	__u32 to;
	struct sh_ip ip;
	struct sh_mac mac;
	__u16 pad;
};
SH_ASSERT_SIZE(struct sh_event, 48);

#endif
