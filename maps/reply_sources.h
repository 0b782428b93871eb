/*
 * sh_reply_sources: LRU hash, struct sh_reply_key -> struct sh_reply_source.
 * Which address of ours a peer asked, so that the answer of a wildcard UDP socket comes from there
 * (RFC 1122 4.1.3.5). Written and read by the programs of bpf/reply.bpf.c.
 *
 * sh_reply_marks: hash, struct sh_ip -> socket mark (SO_MARK) by which routing chooses this
 * address, for sockets that have a port and cannot be bound any more. The unspecified address
 * stands for the mark that all of them begin with. Written by the agent.
 *
 * sh_reply_except: hash, local UDP port (host byte order) -> 1. Sockets on these ports are left
 * alone. Written by the agent.
 */
#ifndef STRONGHOST_MAPS_REPLY_SOURCES_H
#define STRONGHOST_MAPS_REPLY_SOURCES_H

#include "maps/types.h"

/* Two entries for each peer and port that asked. The kernel drops the oldest, roughly. */
#define SH_REPLY_SOURCES_MAX 32768
#define SH_REPLY_EXCEPT_MAX  1024
#define SH_REPLY_MARKS_MAX   256
/* The bits of a mark that tell one address from another. */
#define SH_REPLY_MARK_BITS 0xffU

struct sh_reply_key {
	struct sh_ip peer;
	__be16 peer_port;
	/* Host byte order. 0: whatever port was asked, for a server that answers from a socket of
	 * its own for each peer (TFTP).
	 */
	__u16 local_port;
};
SH_ASSERT_SIZE(struct sh_reply_key, 20);

struct sh_reply_source {
	/* CLOCK_MONOTONIC. 0: not asked, but chosen for what was sent to this peer (source.h). */
	__u64 asked_ns;
	struct sh_ip address;
};
SH_ASSERT_SIZE(struct sh_reply_source, 24);

#endif
