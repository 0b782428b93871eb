/*
 * The maps. maps.bpf.c defines them (it sets SH_MAP_STORAGE to nothing), the programs declare them
 * extern, and `bpftool gen object` links all into one object.
 */
#ifndef STRONGHOST_BPF_MAPS_H
#define STRONGHOST_BPF_MAPS_H

#include "bpf/lib/kernel.h"
#include "maps/addresses.h"
#include "maps/counters.h"
#include "maps/events.h"
#include "maps/gateways.h"
#include "maps/homes.h"
#include "maps/nics.h"
#include "maps/reply_sources.h"
#include "maps/source.h"

#ifndef SH_MAP_STORAGE
#define SH_MAP_STORAGE extern
#endif

/* Every managed address -> the home that owns it. Not preallocated: an idle agent stays small. */
SH_MAP_STORAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SH_ADDRESSES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sh_address_key);
	__type(value, struct sh_address);
} sh_addresses SEC(".maps");

/* Prefixes -> the home that they belong to. */
SH_MAP_STORAGE struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SH_PREFIXES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sh_prefix_key);
	__type(value, struct sh_address);
} sh_prefixes SEC(".maps");

/* Home -> the NIC that carries it now. */
SH_MAP_STORAGE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SH_HOMES_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct sh_home);
} sh_homes SEC(".maps");

/* Home -> what its NIC hears of the gateways. */
SH_MAP_STORAGE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SH_HOMES_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct sh_gateways);
} sh_gateways SEC(".maps");

/* ifindex -> which home a NIC is. */
SH_MAP_STORAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SH_NICS_MAX);
	__type(key, __u32);
	__type(value, struct sh_nic);
} sh_nics SEC(".maps");

/* (home, verdict) -> packets and bytes. */
SH_MAP_STORAGE struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SH_COUNTERS_MAX);
	__type(key, __u32);
	__type(value, struct sh_counter);
} sh_counters SEC(".maps");

/* Peer and port -> the address of ours that it asked. */
SH_MAP_STORAGE struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, SH_REPLY_SOURCES_MAX);
	__type(key, struct sh_reply_key);
	__type(value, struct sh_reply_source);
} sh_reply_sources SEC(".maps");

/* UDP ports whose servers are left alone. */
SH_MAP_STORAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SH_REPLY_EXCEPT_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u16);
	__type(value, __u8);
} sh_reply_except SEC(".maps");

/* Address -> the socket mark by which routing chooses it. */
SH_MAP_STORAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SH_REPLY_MARKS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sh_ip);
	__type(value, __u32);
} sh_reply_marks SEC(".maps");

/* Destination -> the table that holds the sources for it. */
SH_MAP_STORAGE struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, SH_SOURCE_ROUTES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct sh_prefix_key);
	__type(value, struct sh_source_route);
} sh_source_routes SEC(".maps");

SH_MAP_STORAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, SH_SOURCE_TABLES_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct sh_source_table);
} sh_source_tables SEC(".maps");

/* What the agent must hear of. */
SH_MAP_STORAGE struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SH_EVENTS_BYTES);
} sh_events SEC(".maps");

static __always_inline struct sh_home *home_at(__u32 index)
{
	return bpf_map_lookup_elem(&sh_homes, &index);
}

static __always_inline struct sh_nic *nic_of(__u32 ifindex)
{
	return bpf_map_lookup_elem(&sh_nics, &ifindex);
}

/* Index of the home that a NIC is; SH_HOME_NONE: it is in no group. */
static __always_inline __u32 home_of_nic(__u32 ifindex)
{
	struct sh_nic *nic = nic_of(ifindex);

	return nic ? nic->home : SH_HOME_NONE;
}

/* Index of the home that owns an address; SH_HOME_NONE when nobody does. */
static __always_inline __u32 owner_of(const struct sh_address_key *key)
{
	struct sh_address *address = bpf_map_lookup_elem(&sh_addresses, key);

	return address ? address->home : SH_HOME_NONE;
}

/* The same for an address that nobody owns by itself: whose longest prefix it lies in. */
static __always_inline __u32 owner_by_prefix(const struct sh_ip *ip)
{
	struct sh_home *globals = home_at(SH_HOME_NONE);
	struct sh_prefix_key key = {.length = 128, .ip = *ip};
	struct sh_address *address;

	if (!globals || !(globals->flags & SH_GLOBAL_PREFIXES))
		return SH_HOME_NONE;
	address = bpf_map_lookup_elem(&sh_prefixes, &key);
	return address ? address->home : SH_HOME_NONE;
}

#endif
