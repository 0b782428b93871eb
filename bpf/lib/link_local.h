/*
 * Who owns a link-local address.
 */
#ifndef STRONGHOST_BPF_LINK_LOCAL_H
#define STRONGHOST_BPF_LINK_LOCAL_H

#include "bpf/lib/maps.h"
#include "bpf/lib/wire.h"

/*
 * Link-local addresses repeat from home to home. The home that the destination MAC names comes
 * first, then one that this NIC carries, then any that owns the address.
 */
static __noinline __u32 owner_of_link_local(struct sh_address_key *key, __u32 start, __u32 by_mac,
					    __u32 ifindex)
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
