// Frames by which a wire tells the segment that it carries a home. Pure builders: each returns
// whole Ethernet frames without FCS, padded to the 60 bytes that Ethernet asks for, everything in
// network byte order and every checksum filled in. Nothing here decides when to send
// (announce_schedule.h) or sends (announcer.h).
#pragma once

#include <cstdint>
#include <vector>

#include "agent/base/net_types.h"

namespace stronghost {

using Frame = std::vector<uint8_t>;

// One broadcast frame with the home's MAC as its source: it moves the switch's entry for that MAC
// to the port that it came in on, and says nothing else.
//
// It is a RARP request (EtherType 0x8035, RFC 903) that asks for the home's own MAC, the frame
// that hypervisors send after a live migration, for the same reasons: every switch floods it as
// an ordinary broadcast, and networks know it; no host answers it or learns from it, so no ARP
// cache changes and no address need be known; and unlike an invented EtherType or an LLC test
// frame it isn't taken for an attack by port security or storm filters.
Frame LearningFrame(const MacAddress& home_mac);

// ARP announcement (RFC 5227 section 2.3): broadcast ARP request with sender and target protocol
// address `ip` (IPv4), sender hardware address `mac`, target hardware address zero. The frame's
// source is `mac` as well.
Frame ArpAnnouncement(const IpAddress& ip, const MacAddress& mac);

// Unsolicited neighbour advertisement (RFC 4861 section 4.4 and 7.2.6) of `ip` (IPv6) to ff02::1:
// S=0, O=1, R as given (the home forwards IPv6), target link-layer address option with `mac`,
// hop limit 255. Source is the address itself, which is assigned to the home and so permitted.
Frame UnsolicitedNa(const IpAddress& ip, const MacAddress& mac, bool router);

// Questions for a neighbour, to the MAC `to`: its own, or that of everybody (IPv4: broadcast; IPv6:
// MulticastMac() of the target's solicited-node group).

// ARP request for `target` (RFC 826). `source` 0.0.0.0: nobody learns from it (RFC 5227).
Frame ArpRequest(const MacAddress& to, const IpAddress& target, const IpAddress& source,
                 const MacAddress& mac);
// Neighbour solicitation (RFC 4861 section 4.3) with the source link-layer address option; to the
// target itself, or to its solicited-node group if `to` is a multicast MAC.
Frame NeighborSolicitation(const MacAddress& to, const IpAddress& target, const IpAddress& source,
                           const MacAddress& mac);

// ff02::1:ff and the last three bytes of `ip` (RFC 4291 section 2.7.1).
IpAddress SolicitedNode(const IpAddress& ip);

// Membership reports that make snooping switches and multicast routers learn the new port at
// once. `source` is an address of the home, or 0.0.0.0 resp. :: where it has none. Groups of the
// other family and groups that are never reported (IsReportedGroup()) are left out; the others
// share frames up to an MTU of 1280. No group, no frame. Records say MODE_IS_EXCLUDE {} (any
// source): that is the current state and not a change of it, so no router starts a query round.

// IGMPv3 (RFC 3376 section 4.2) to 224.0.0.22, with the router alert option.
std::vector<Frame> IgmpV3Reports(const MacAddress& mac, const IpAddress& source,
                                 const std::vector<IpAddress>& groups);
// IGMPv2 (RFC 2236 section 2) for segments whose querier speaks only that: one frame a group, to
// the group itself, with the router alert option.
std::vector<Frame> IgmpV2Reports(const MacAddress& mac, const IpAddress& source,
                                 const std::vector<IpAddress>& groups);
// MLDv2 (RFC 3810 section 5.2) to ff02::16, with the hop-by-hop router alert option. `source` is
// the home's link-local address: routers ignore any other.
std::vector<Frame> MldV2Reports(const MacAddress& mac, const IpAddress& source,
                                const std::vector<IpAddress>& groups);

// False for what RFC 3376 section 6 and RFC 3810 section 6 exempt: 224.0.0.1, ff02::1, and IPv6
// groups of scope 0 (reserved) and 1 (interface-local); and for what is no multicast address.
bool IsReportedGroup(const IpAddress& group);

// 01:00:5e + 23 bits (RFC 1112 section 6.4) or 33:33 + 32 bits (RFC 2464 section 7).
MacAddress MulticastMac(const IpAddress& group);

}  // namespace stronghost
