/*
 * sh_nics: hash, ifindex (__u32) -> struct sh_nic.
 * Which home a NIC is, and how it is guarded. Written by the agent, read by all programs.
 */
#ifndef STRONGHOST_MAPS_NICS_H
#define STRONGHOST_MAPS_NICS_H

#include "maps/types.h"

/* What the agent last saw. The choice of sources goes by the first, the second is for people. */
#define SH_NIC_NO_CARRIER (1U << 0)
#define SH_NIC_DRAINED	  (1U << 1)
/*
 * XDP sees a VLAN frame without its tag when the driver strips it: with VLAN children on the NIC
 * guard passes everything and deliver, which sees the tag, decides.
 */
#define SH_NIC_VLAN_CHILDREN (1U << 2)
/* guard runs in the driver, before the stack. */
#define SH_NIC_XDP_NATIVE (1U << 3)
/*
 * guard runs generic: it also meets the frames that deliver put into this home's ingress, and
 * can't tell them from frames of the cable. It passes what belongs to this home; deliver decides.
 */
#define SH_NIC_XDP_GENERIC (1U << 4)

struct sh_nic {
	__u32 home;  /* index in sh_homes */
	__u32 flags; /* SH_NIC_* */
	struct sh_mac mac;
	__u16 pad;
};
SH_ASSERT_SIZE(struct sh_nic, 16);

#endif
