// Frames from layers:
//
//     BuildFrame({Ethernet{.destination = a, .source = b}, Ipv4{.source = c, .destination = d},
//                 Udp{.destination_port = 53}, Payload::Text("hello")})
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/lib/frame_layers.h"

namespace stronghost::lab {

// The frame in wire format, without preamble and FCS, not padded to 60 bytes.
Bytes BuildFrame(const std::vector<Layer>& layers);

// A broadcast request for the MAC of `target`. With `sender` 0.0.0.0 it is a probe (RFC 5227).
Bytes ArpRequest(const MacAddress& sender_mac, const IpAddress& sender, const IpAddress& target);

// The answer to such a request, sent to the one who asked.
Bytes ArpReply(const MacAddress& sender_mac, const IpAddress& sender, const MacAddress& target_mac,
               const IpAddress& target);

// A broadcast request in which sender and target address are the same (RFC 5227 announcement).
Bytes GratuitousArp(const MacAddress& mac, const IpAddress& address);

// A solicitation to the solicited-node group of `target`, with the source's link-layer address.
Bytes NeighborSolicit(const MacAddress& source_mac, const IpAddress& source,
                      const IpAddress& target);

// ff02::1:ffXX:XXXX of an IPv6 address (RFC 4291 section 2.7.1).
IpAddress SolicitedNode(const IpAddress& address);

// The Ethernet group of an IPv4 or IPv6 multicast address (RFC 1112 section 6.4, RFC 2464 section
// 7).
MacAddress MulticastMac(const IpAddress& group);

// An ICMP redirect of IPv4 (RFC 792).
struct Redirect {
  Ethernet link;
  IpAddress from;         // who claims to be the first hop
  IpAddress to;           // whom it tells
  IpAddress source;       // of the packet that it is about
  IpAddress destination;  // likewise
  IpAddress gateway;      // the better first hop
};
Bytes RedirectFrame(const Redirect& redirect);

// Splits an untagged IPv4 or IPv6 frame without extension headers into fragments of at most
// `max_payload` bytes behind the (unfragmented part of the) IP header; rounded down to 8.
std::vector<Bytes> FragmentFrame(const Bytes& frame, size_t max_payload, uint16_t id);

}  // namespace stronghost::lab
