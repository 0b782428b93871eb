/*
 * Walks over the homes of one group, a ring of at most SH_GROUP_MAX.
 */
#ifndef STRONGHOST_BPF_RING_H
#define STRONGHOST_BPF_RING_H

#include "bpf/lib/maps.h"
#include "bpf/lib/packet.h"
#include "bpf/lib/wire.h"

/* The member of the group of `start` that has this MAC; SH_HOME_NONE when none has. */
static __always_inline __u32 member_by_mac(__u32 start, const __u8 *mac)
{
	__u32 index = start, i;
	struct sh_home *home;

	for (i = 0; i < SH_GROUP_MAX; i++) {
		home = home_at(index);
		if (!home)
			break;
		if (home->ifindex && same_mac(home->mac.bytes, mac))
			return index;
		index = home->next;
		if (index == start)
			break;
	}
	return SH_HOME_NONE;
}

/* Whether NIC `ifindex` speaks for, or still accepts for, a home other than itself. */
static __always_inline bool carries_others(__u32 start, __u32 ifindex)
{
	__u32 index = start, i;
	struct sh_home *home;

	for (i = 0; i < SH_GROUP_MAX; i++) {
		home = home_at(index);
		if (!home)
			break;
		if (home->ifindex != ifindex &&
		    (path_of(home).wire == ifindex || READ_ONCE(home->linger) == ifindex))
			return true;
		index = home->next;
		if (index == start)
			break;
	}
	return false;
}

/*
 * Link-local addresses repeat from home to home. The home that the destination MAC names comes
 * first, then one that this NIC carries, then any that owns the address.
 */
static __always_inline __u32 owner_of_link_local(struct sh_address_key *key, __u32 start,
						 __u32 by_mac, __u32 ifindex)
{
	__u32 index = start, found = SH_HOME_NONE, i;
	struct sh_home *home;

	if (by_mac && by_mac != start) {
		home = home_at(by_mac);
		key->scope = home ? home->ifindex : 0;
		if (owner_of(key) == by_mac)
			return by_mac;
	}
	for (i = 0; i < SH_GROUP_MAX; i++) {
		home = home_at(index);
		if (!home)
			break;
		key->scope = home->ifindex;
		if (home->ifindex && owner_of(key)) {
			if (path_of(home).wire == ifindex)
				return index;
			if (!found)
				found = index;
		}
		index = home->next;
		if (index == start)
			break;
	}
	return found;
}

#endif
