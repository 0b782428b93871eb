// The layers that a frame is built of, from the outside in. Numbers are in host byte order. What is
// left out is made right by BuildFrame(): lengths, checksums, types of the next layer. What is
// given is taken as it is, so that wrong frames can be built as well.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "agent/base/net_types.h"

namespace stronghost::lab {

using Bytes = std::vector<uint8_t>;

inline constexpr MacAddress kBroadcastMac = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

struct Ethernet {
  MacAddress destination;
  MacAddress source;
  std::optional<uint16_t> type;
};

struct Vlan {
  uint16_t id = 0;
  uint8_t priority = 0;
  uint16_t tpid = 0x8100;  // 0x88a8 for the outer tag of two
  std::optional<uint16_t> type;
};

// RFC 826, for Ethernet and IPv4.
struct Arp {
  uint16_t operation = 1;  // 1 request, 2 reply
  MacAddress sender_mac;
  IpAddress sender = IpAddress::V4(0);
  MacAddress target_mac;
  IpAddress target = IpAddress::V4(0);
};

struct Ipv4 {
  IpAddress source;
  IpAddress destination;
  uint8_t ttl = 64;
  uint8_t tos = 0;
  uint16_t id = 0;
  bool dont_fragment = false;
  bool more_fragments = false;
  uint16_t fragment_offset = 0;  // in units of 8 bytes
  Bytes options;                 // filled up to 4 bytes with end-of-list
  std::optional<uint8_t> protocol;
  std::optional<uint16_t> total_length;
  std::optional<uint16_t> checksum;
};

struct Ipv6 {
  IpAddress source;
  IpAddress destination;
  uint8_t hop_limit = 64;
  uint8_t traffic_class = 0;
  uint32_t flow_label = 0;
  std::optional<uint8_t> next_header;
  std::optional<uint16_t> payload_length;
};

// IPv6 extension headers (RFC 8200 section 4). Options are filled up with padding.
struct HopByHop {
  Bytes options;
};
struct DestinationOptions {
  Bytes options;
};
struct FragmentHeader {
  uint16_t offset = 0;  // in units of 8 bytes
  bool more = false;
  uint32_t id = 1;
  std::optional<uint8_t> next_header;
};

struct Udp {
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  std::optional<uint16_t> length;
  std::optional<uint16_t> checksum;
};

struct Tcp {
  static constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16;

  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint32_t sequence = 0;
  uint32_t acknowledgement = 0;
  uint8_t flags = kSyn;
  uint16_t window = 65535;
  Bytes options;  // filled up to 4 bytes
  std::optional<uint16_t> checksum;
};

// ICMP (RFC 792); `rest` is the second word of the header, for an echo id << 16 | sequence.
struct Icmp {
  uint8_t type = 8;
  uint8_t code = 0;
  uint32_t rest = 0;
  std::optional<uint16_t> checksum;
};

// ICMPv6 (RFC 4443), as above.
struct Icmp6 {
  uint8_t type = 128;
  uint8_t code = 0;
  uint32_t rest = 0;
  std::optional<uint16_t> checksum;
};

// Neighbour discovery (RFC 4861 section 4): the ICMPv6 header included. The option is source (1) or
// target (2) link-layer address. Give the Ipv6 layer hop_limit 255, or nobody listens.
struct NeighborSolicitation {
  IpAddress target;
  std::optional<MacAddress> source_mac;
};
struct NeighborAdvertisement {
  IpAddress target;
  std::optional<MacAddress> target_mac;
  bool router = false;
  bool solicited = true;
  bool override_cache = true;
};
struct RouterSolicitation {
  std::optional<MacAddress> source_mac;
};
struct RouterAdvertisement {
  std::optional<MacAddress> source_mac;
  uint8_t hop_limit = 64;
  uint8_t flags = 0;
  uint16_t lifetime = 1800;        // seconds, as a default router
  std::optional<IpPrefix> prefix;  // on-link and autonomous, valid for an hour
};

struct Payload {
  Bytes bytes;

  static Payload Text(const std::string& text) { return {Bytes(text.begin(), text.end())}; }
  static Payload Zeros(size_t size) { return {Bytes(size)}; }
};

using Layer = std::variant<Ethernet, Vlan, Arp, Ipv4, Ipv6, HopByHop, DestinationOptions,
                           FragmentHeader, Udp, Tcp, Icmp, Icmp6, NeighborSolicitation,
                           NeighborAdvertisement, RouterSolicitation, RouterAdvertisement, Payload>;

}  // namespace stronghost::lab
