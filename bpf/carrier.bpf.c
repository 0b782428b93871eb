/*
 * carrier: entry of the kernel's netif_carrier_off(), which a driver calls when its cable is dead.
 * Every home that this NIC carries moves to its backup now, without waiting for a packet or for the
 * agent; and who has none then gets one, in case that the next NIC is lost before the agent knows.
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

/*
 * The next NIC of the group, other than these two, that carries its own home: one that was lost or
 * drained does not. 0: there is none.
 */
static __always_inline __u32 backup_for(const struct sh_home *home, __u32 wire, __u32 dead)
{
	__u32 index = home->next, i;
	struct sh_home *member;

	for (i = 0; i < SH_GROUP_MAX; i++) {
		member = home_at(index);
		if (!member)
			break;
		if (member->group == home->group && member->ifindex != wire &&
		    member->ifindex != dead && path_of(member).wire == member->ifindex)
			return member->ifindex;
		index = member->next;
	}
	return 0;
}

/*
 * Who has no backup any more gets one; the agent may choose a better one later. Global, so that the
 * verifier walks it once and not for each home.
 */
__noinline int sh_name_backup(__u32 index, __u32 dead)
{
	struct sh_home *home = home_at(index);
	union path_word old, new;

	if (!home || home->flags & SH_HOME_ALIAS)
		return 0;
	old.path = path_of(home);
	if (!old.path.wire || old.path.wire == dead || (old.path.backup && old.path.backup != dead))
		return 0;
	new.path.wire = old.path.wire;
	new.path.backup = backup_for(home, old.path.wire, dead);
	__sync_val_compare_and_swap((__u64 *)&home->path, old.word, new.word);
	return 0;
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
	for (index = 1; index < SH_HOMES_MAX; index++) {
		home = home_at(index);
		if (!home)
			continue;
		/* Another CPU may have named another backup, and the flip come to nothing. */
		flip(home, index, device->ifindex);
		sh_name_backup(index, device->ifindex);
	}
	report_loss(device->ifindex);
	return 0;
}

char _license[] SEC("license") = "GPL";
