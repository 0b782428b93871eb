/*
 * carrier: entry of the kernel's netif_carrier_off(), which a driver calls when its cable is dead.
 * Every home that this NIC carries moves to its backup now, without waiting for a packet or for the
 * agent.
 */
#include "bpf/lib/flip.h"

extern const volatile __u64 sh_netns_cookie;

/* Drivers call it for a NIC without carrier too: only the first call is a loss. */
static __always_inline bool is_lost_now(const struct net_device *device)
{
	return !(device->state & (1UL << SH_LINK_STATE_NOCARRIER));
}

/* Interface numbers belong to a network namespace; the hook sees those of all. */
static __always_inline bool is_managed(const struct net_device *device)
{
	return device->nd_net.net->net_cookie == sh_netns_cookie && nic_of(device->ifindex);
}

static __always_inline void report_loss(__u32 ifindex)
{
	struct sh_event *event = new_event(SH_EVENT_CARRIER);

	if (!event)
		return;
	event->ifindex = ifindex;
	bpf_ringbuf_submit(event, 0);
}

SEC("fentry/netif_carrier_off")
int sh_carrier(__u64 *arguments)
{
	const struct net_device *device = (void *)arguments[0];
	struct sh_home *home;
	__u32 index;

	if (!is_lost_now(device) || !is_managed(device))
		return 0;
	for (index = 1; index < SH_HOMES_MAX; index++) {
		home = home_at(index);
		if (home)
			flip(home, index, device->ifindex);
	}
	report_loss(device->ifindex);
	return 0;
}

char _license[] SEC("license") = "GPL";
