/*
 * Another host claims one of our addresses (RFC 5227 2.4; an advertisement in IPv6), or sends under
 * one of our MACs. It is seen here, before any suppression could hide it. Our own NICs' frames
 * never count.
 */
#ifndef STRONGHOST_BPF_CONFLICT_H
#define STRONGHOST_BPF_CONFLICT_H

#include "bpf/lib/event.h"
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

static __always_inline void report_conflict(enum sh_event_type type, const struct sh_ip *ip,
					    const struct sh_mac *mac, __u32 index, __u32 ifindex,
					    __u64 *last)
{
	__u64 now = bpf_ktime_get_ns();
	struct sh_event *event;

	/* A race between CPUs reports twice; a storm does not fill the ring. */
	if (now - *last < CONFLICT_INTERVAL_NS)
		return;
	*last = now;
	event = new_event(type);
	if (!event)
		return;
	event->home = index;
	event->ifindex = ifindex;
	if (ip)
		event->ip = *ip;
	event->mac = *mac;
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
		report_conflict(SH_EVENT_CONFLICT, &claim->key.ip, &claim->mac, owner, ifindex,
				&home->conflict_ns);
	return 0;
}

/*
 * No switch sends a frame back to where it came from: what bears a home's MAC and arrives on the
 * NIC that carries the home is somebody else's, or goes round in a loop.
 */
static __noinline int watch_for_our_mac(__u32 index, __u32 ifindex)
{
	struct sh_home *home = home_at(index);
	struct sh_mac mac;

	if (!home || path_of(home).wire != ifindex)
		return 0;
	mac = home->mac;
	report_conflict(SH_EVENT_MAC_CONFLICT, NULL, &mac, index, ifindex, &home->mac_conflict_ns);
	return 0;
}

#endif
