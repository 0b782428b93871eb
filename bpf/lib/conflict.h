/*
 * Another host claims one of our addresses (RFC 5227 2.4; an advertisement in IPv6). It is seen
 * here, before any suppression could hide it. Our own NICs' frames never count.
 */
#ifndef STRONGHOST_BPF_CONFLICT_H
#define STRONGHOST_BPF_CONFLICT_H

#include "bpf/lib/link_local.h"
#include "bpf/lib/maps.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/ring.h"

#define CONFLICT_INTERVAL_NS 1000000000ULL

struct claim {
	bool made;
	struct sh_address_key key; /* ARP sender address, or target of an advertisement */
	struct sh_mac mac;
};

static __always_inline void report_conflict(const struct claim *claim, __u32 index, __u32 ifindex)
{
	struct sh_home *home = home_at(index);
	__u64 now = bpf_ktime_get_ns();
	struct sh_event *event;

	/* A race between CPUs reports twice; a storm does not fill the ring. */
	if (!home || now - home->conflict_ns < CONFLICT_INTERVAL_NS)
		return;
	home->conflict_ns = now;
	event = bpf_ringbuf_reserve(&sh_events, sizeof(*event), 0);
	if (!event)
		return;
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = now;
	event->type = SH_EVENT_CONFLICT;
	event->home = index;
	event->ifindex = ifindex;
	event->ip = claim->key.ip;
	event->mac = claim->mac;
	bpf_ringbuf_submit(event, 0);
}

static __noinline int watch_for_conflict(struct claim *claim, __u32 nic_home, __u32 ifindex)
{
	struct sh_home *home;
	__u32 owner;

	if (is_link_local(&claim->key.ip)) {
		/* A member's link-local address that another host uses too. */
		owner = owner_of_link_local(&claim->key, nic_home, SH_HOME_NONE, ifindex);
	} else {
		owner = owner_of(&claim->key);
	}
	home = home_at(owner);
	if (owner && home && !member_by_mac(owner, claim->mac.bytes))
		report_conflict(claim, owner, ifindex);
	return 0;
}

#endif
