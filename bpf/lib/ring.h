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

/*
 * The member of the group of `start` that is NIC `ifindex`, and its index; NULL and SH_HOME_NONE
 * when none is.
 */
static __always_inline struct sh_home *member_at(__u32 start, __u32 ifindex, __u32 *index)
{
	struct sh_home *home;
	__u32 i;

	*index = start;
	for (i = 0; i < SH_GROUP_MAX; i++) {
		home = home_at(*index);
		if (!home)
			break;
		if (home->ifindex == ifindex)
			return home;
		*index = home->next;
		if (*index == start)
			break;
	}
	*index = SH_HOME_NONE;
	return NULL;
}

static __always_inline __u32 member_on(__u32 start, __u32 ifindex)
{
	__u32 index;

	member_at(start, ifindex, &index);
	return index;
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
		if (home->ifindex != ifindex && !(home->flags & SH_HOME_ALIAS) &&
		    (path_of(home).wire == ifindex || READ_ONCE(home->linger) == ifindex))
			return true;
		index = home->next;
		if (index == start)
			break;
	}
	return false;
}

#endif
