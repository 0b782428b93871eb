/*
 * Which source an unbound socket gets, where a group asks for it ([group.source]).
 *
 * sh_source_routes: LPM trie, struct sh_prefix_key (destination) -> struct sh_source_route.
 * sh_source_tables: hash, table number -> struct sh_source_table: each address stands in as many
 * slots as its weight gives it; the hash of a flow picks one.
 * Both are written by the agent, and read by the programs of bpf/reply.bpf.c if slot 0 of sh_homes
 * has SH_GLOBAL_SOURCES.
 */
#ifndef STRONGHOST_MAPS_SOURCE_H
#define STRONGHOST_MAPS_SOURCE_H

#include "maps/types.h"

#define SH_SOURCE_ROUTES_MAX 4096
#define SH_SOURCE_TABLES_MAX 1024
#define SH_SOURCE_SLOTS	     256

/* No table: the source is left to routing. */
#define SH_SOURCE_ROUTING 0

struct sh_source_route {
	__u32 table; /* number in sh_source_tables, or SH_SOURCE_ROUTING */
};
SH_ASSERT_SIZE(struct sh_source_route, 4);

struct sh_source_table {
	struct sh_ip slots[SH_SOURCE_SLOTS];
};
SH_ASSERT_SIZE(struct sh_source_table, 4096);

#endif
