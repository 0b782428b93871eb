/*
 * sh_counters: per-CPU array, SH_COUNTER_KEY(home, verdict) -> struct sh_counter.
 * Written by BPF, read by the agent. Every packet ends in exactly one verdict on the NIC that it
 * is on. A steered or delivered frame is met a second time, on the other NIC: that meeting ends in
 * OUT_CARRIED or IN_HOME, which count no new packet.
 */
#ifndef STRONGHOST_MAPS_COUNTERS_H
#define STRONGHOST_MAPS_COUNTERS_H

#include "maps/types.h"

/*
 * X(constant, name in status, metrics and docs, meaning)
 * New verdicts go to the end: the numbers are pinned with the map.
 */
#define SH_VERDICTS(X)                                                                             \
	X(NONE, "none", "never counted")                                                           \
	X(OUT_PASS, "out_pass", "left by its wire, which routing had chosen")                      \
	X(OUT_STEER, "out_steer", "routing had chosen another NIC: sent out of the wire")          \
	X(OUT_STAND_IN, "out_stand_in", "sent by its home, left by the NIC that stands in")        \
	X(OUT_CARRIED, "out_carried", "second meeting: left by this wire for another NIC")         \
	X(OUT_OTHER_GROUP, "out_other_group", "source of another group: sent to its own gateway")  \
	X(OUT_NO_WIRE, "out_no_wire", "the wire has no carrier and there is no backup")            \
	X(OUT_UNTOUCHED, "out_untouched", "VLAN-tagged, or neither IP nor ARP: passed as it is")   \
	X(OUT_SHORT, "out_short", "headers cut off: passed as it is")                              \
	X(OUT_ERROR, "out_error", "a rewrite failed: dropped")                                     \
	X(IN_PASS, "in_pass", "arrived on its wire, which is its home")                            \
	X(IN_DELIVER, "in_deliver",                                                                \
	  "arrived on the stand-in, or under an old MAC: delivered into its home")                 \
	X(IN_HOME, "in_home", "second meeting: a delivered frame enters its home")                 \
	X(IN_LINGER, "in_linger", "arrived on the wire before the last change: accepted")          \
	X(IN_WEAK, "in_weak", "not its wire, accepted by host_model = weak")                       \
	X(IN_SUPPRESS, "in_suppress", "ARP or ND for another wire to answer: silenced")            \
	X(IN_FOREIGN, "in_foreign", "not its wire: dropped, as the strong host model demands")     \
	X(IN_ECHO, "in_echo", "our own broadcast came back: dropped")                              \
	X(IN_UNTOUCHED, "in_untouched", "VLAN-tagged, or neither IP nor ARP: passed as it is")     \
	X(IN_SHORT, "in_short", "headers cut off: passed as it is")                                \
	X(IN_ERROR, "in_error", "a rewrite failed: dropped")                                       \
	X(NOT_MANAGED, "not_managed", "the NIC is in no group: passed")                            \
	X(IN_REDIRECT, "in_redirect",                                                              \
	  "ICMP redirect to a gateway of another network, or of another's packet: dropped")

enum sh_verdict {
#define SH_VERDICT_ENUM(constant, name, meaning) SH_##constant,
	SH_VERDICTS(SH_VERDICT_ENUM)
#undef SH_VERDICT_ENUM
		SH_VERDICT_COUNT
};

/* Slots a home has in sh_counters; a power of two, so that the key is a shift. */
#define SH_VERDICT_SLOTS	      32
#define SH_COUNTER_KEY(home, verdict) ((home)*SH_VERDICT_SLOTS + (verdict))
#define SH_COUNTERS_MAX		      (SH_HOMES_MAX * SH_VERDICT_SLOTS)

struct sh_counter {
	__u64 packets;
	__u64 bytes;
};
SH_ASSERT_SIZE(struct sh_counter, 16);

#endif
