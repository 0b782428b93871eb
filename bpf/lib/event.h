/*
 * What the programs tell the agent.
 */
#ifndef STRONGHOST_BPF_EVENT_H
#define STRONGHOST_BPF_EVENT_H

#include "bpf/lib/maps.h"

/* Room in the ring, with time and type; NULL when it is full. To be submitted. */
static __always_inline struct sh_event *new_event(enum sh_event_type type)
{
	struct sh_event *event = bpf_ringbuf_reserve(&sh_events, sizeof(*event), 0);

	if (!event)
		return NULL;
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = bpf_ktime_get_ns();
	event->type = type;
	return event;
}

#endif
