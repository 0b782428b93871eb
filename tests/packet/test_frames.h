// Frames and expected outcomes of the packet tests.
#pragma once

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <cstdint>

#include "agent/base/net_types.h"
#include "tests/lib/frame_builder.h"
#include "tests/packet/program_fixture.h"
#include "tests/packet/programs.h"

namespace stronghost::packet {

// Another host of the segment.
inline constexpr MacAddress kClientMac = {{0x02, 0x00, 0x5e, 0x30, 0x00, 0x01}};
// A macvlan child or guest on one of our NICs.
inline constexpr MacAddress kChildMac = {{0x02, 0x00, 0x5e, 0x40, 0x00, 0x01}};

inline IpAddress Ip(const char* text) {
  return *IpAddress::Parse(text);
}

// An address of the client, as far from any managed one as it must be.
inline IpAddress Client(Family family) {
  return family == Family::kV4 ? Ip("198.51.100.77") : Ip("2001:db8::77");
}
inline IpAddress ClientLinkLocal() {
  return Ip("fe80::77");
}

// The IP header of either family.
lab::Layer IpHeader(const IpAddress& source, const IpAddress& destination);

// A UDP datagram with some payload.
Bytes Datagram(const MacAddress& from_mac, const IpAddress& from, const MacAddress& to_mac,
               const IpAddress& to);

// ARP request (IPv4) or multicast neighbour solicitation (IPv6) for `target`.
Bytes AddressRequest(const MacAddress& from_mac, const IpAddress& from, const IpAddress& target);

// The same, sent to one host only, as neighbour unreachability detection does.
Bytes UnicastRequest(const MacAddress& from_mac, const IpAddress& from, const MacAddress& to_mac,
                     const IpAddress& target);

// ARP announcement (RFC 5227) or unsolicited advertisement (RFC 4861 section 7.2.6) of `address`.
Bytes Announcement(const MacAddress& mac, const IpAddress& address);

// ARP reply or solicited advertisement: `address` is at `mac`.
Bytes AddressReply(const MacAddress& mac, const IpAddress& address, const MacAddress& to_mac,
                   const IpAddress& to);

// `frame` with other MACs in the Ethernet header.
Bytes WithSource(Bytes frame, const MacAddress& mac);
Bytes WithDestination(Bytes frame, const MacAddress& mac);

// Whether an IPv6 frame's ICMPv6 checksum is right, by RFC 8200 section 8.1.
bool HasRightIcmp6Checksum(const Bytes& frame);

// What steer and deliver may do. `frame` is what is expected to come out.
inline Outcome Passed(const Bytes& frame, uint32_t home, sh_verdict verdict) {
  return {TC_ACT_UNSPEC, frame, {}, Count{home, verdict}};
}
inline Outcome Dropped(const Bytes& frame, uint32_t home, sh_verdict verdict) {
  return {TC_ACT_SHOT, frame, {}, Count{home, verdict}};
}
// bpf_redirect() leaves its target in the kernel, out of sight of BPF_PROG_TEST_RUN.
inline Outcome Redirected(const Bytes& frame, uint32_t home, sh_verdict verdict,
                          const std::optional<Mark>& mark) {
  return {TC_ACT_REDIRECT, frame, mark, Count{home, verdict}};
}
// What guard may do.
inline Outcome XdpPassed(const Bytes& frame) {
  return {XDP_PASS, frame, {}, {}};
}
inline Outcome XdpDropped(const Bytes& frame, uint32_t home, sh_verdict verdict) {
  return {XDP_DROP, frame, {}, Count{home, verdict}};
}

}  // namespace stronghost::packet
