/*
 * What the map headers share. They are included unchanged by BPF C (clang -target bpf) and by
 * C++: fixed-width types, explicit padding, one size assertion a struct. Nothing else describes
 * the maps, so nothing can drift.
 *
 * Indexes, flags, interface numbers and counters are in host byte order; addresses and MACs are
 * bytes in transmission order.
 */
#ifndef STRONGHOST_MAPS_TYPES_H
#define STRONGHOST_MAPS_TYPES_H

#include <linux/types.h>

#ifdef __cplusplus
#define SH_ASSERT_SIZE(type, size) static_assert(sizeof(type) == (size), #type)
#else
#define SH_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#endif

/*
 * Layout version of all maps together. It is written into sh_homes[0].ifindex; an agent that
 * finds pins of another version does not adopt them silently.
 */
#define SH_LAYOUT_VERSION 2

/* Homes of all groups together, slot 0 ("none") included. */
#define SH_HOMES_MAX 256
/* Members of one group: the bound of the loops over a group's homes. */
#define SH_GROUP_MAX	 16
#define SH_ADDRESSES_MAX 262144
#define SH_PREFIXES_MAX	 4096
#define SH_NICS_MAX	 256

/* A home's index in sh_homes; 0 is "none". */
#define SH_HOME_NONE 0

/* Aligned, so that the programs compare it by words. */
struct sh_mac {
	__u8 bytes[6];
} __attribute__((aligned(2)));
SH_ASSERT_SIZE(struct sh_mac, 6);

/* IPv6, or IPv4 as v4-mapped (::ffff:a.b.c.d); network order. The union makes it word-aligned. */
struct sh_ip {
	union {
		__u8 bytes[16];
		__u32 words[4];
	};
};
SH_ASSERT_SIZE(struct sh_ip, 16);

#endif
