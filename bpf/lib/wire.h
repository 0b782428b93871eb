/*
 * The second look-up: which NIC carries a home now.
 */
#ifndef STRONGHOST_BPF_WIRE_H
#define STRONGHOST_BPF_WIRE_H

#include "bpf/lib/maps.h"

union path_word {
	struct sh_path path;
	__u64 word;
};

/* Wire and backup as they stand together. */
static __always_inline struct sh_path path_of(const struct sh_home *home)
{
	union path_word both;

	both.word = READ_ONCE(*(const __u64 *)&home->path);
	return both.path;
}

#endif
