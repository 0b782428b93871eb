/*
 * sh_gateways: array (mmapable), home index -> struct sh_gateways.
 * What was heard of the gateways, and of the segment, on the NIC that is this home. Read and
 * written only where the home has SH_HOME_WATCHED. The agent writes the MACs; BPF sets the marks,
 * and the agent clears them at each look: a packet that finds its mark set writes nothing, and no
 * clock is read. A mark lost in the race of the two is one packet's.
 *
 * All is about the NIC that a frame was physically on: what steer hands to another NIC counts
 * there, and what deliver puts into a home counts where it arrived.
 */
#ifndef STRONGHOST_MAPS_GATEWAYS_H
#define STRONGHOST_MAPS_GATEWAYS_H

#include "maps/types.h"

#define SH_GATEWAY_SLOTS 4

struct sh_gateway {
	struct sh_mac mac; /* all zero: the slot is empty */
	__u8 sent;	   /* an IP packet left for it; ARP and ND do not count */
	__u8 heard;	   /* unicast IP came from it */
	__u8 confirmed;	   /* unicast ARP or ND came from it: it hears us */
	__u8 seen;	   /* broadcast or multicast came from it: we hear it */
	__u16 pad;
};
SH_ASSERT_SIZE(struct sh_gateway, 12);

struct sh_gateways {
	struct sh_gateway slot[SH_GATEWAY_SLOTS];
	__u8 others; /* a frame of another host came in */
	__u8 echo;   /* a broadcast of another NIC of the group came in */
	__u8 pad[14];
};
/* One cache line for each NIC. */
SH_ASSERT_SIZE(struct sh_gateways, 64);

#endif
