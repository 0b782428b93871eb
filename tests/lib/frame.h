// What a captured frame says.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/base/net_types.h"

namespace stronghost::lab {

struct ArpView {
  uint16_t operation = 0;  // 1 request, 2 reply
  MacAddress sender_mac;
  IpAddress sender;
  MacAddress target_mac;
  IpAddress target;

  bool operator==(const ArpView&) const = default;
};

struct IpView {
  int version = 4;
  IpAddress source;
  IpAddress destination;
  uint8_t ttl = 0;       // or hop limit
  uint8_t protocol = 0;  // behind IPv6 extension headers
  bool is_fragment = false;
  bool more_fragments = false;
  uint16_t fragment_offset = 0;  // bytes

  bool operator==(const IpView&) const = default;
};

struct PortsView {  // of UDP or TCP
  uint16_t source = 0;
  uint16_t destination = 0;
  uint8_t tcp_flags = 0;

  bool operator==(const PortsView&) const = default;
};

struct IcmpView {  // ICMP or ICMPv6
  uint8_t type = 0;
  uint8_t code = 0;
  uint16_t id = 0;  // of an echo
  uint16_t sequence = 0;

  bool operator==(const IcmpView&) const = default;
};

struct NeighborView {  // solicitation or advertisement
  bool advertisement = false;
  IpAddress target;
  std::optional<MacAddress> link_layer;  // source or target link-layer address option
  bool router = false;
  bool solicited = false;
  bool override_cache = false;

  bool operator==(const NeighborView&) const = default;
};

// A frame taken apart as far as it can be; what isn't there or is cut off is absent. Numbers in
// host byte order.
struct Frame {
  MacAddress destination;
  MacAddress source;
  std::vector<uint16_t> vlans;  // VLAN ids, outermost first
  uint16_t ether_type = 0;      // of what is inside the VLAN tags
  std::optional<ArpView> arp;
  std::optional<IpView> ip;
  std::optional<PortsView> ports;
  std::optional<IcmpView> icmp;
  std::optional<NeighborView> neighbor;
  std::vector<uint8_t> payload;  // behind the last header understood

  [[nodiscard]] bool IsArp(uint16_t operation) const {
    return arp.has_value() && arp->operation == operation;
  }
  [[nodiscard]] bool IsSolicitation() const {
    return neighbor.has_value() && !neighbor->advertisement;
  }
  [[nodiscard]] bool IsAdvertisement() const {
    return neighbor.has_value() && neighbor->advertisement;
  }
  // One line, for messages of failing tests.
  [[nodiscard]] std::string ToString() const;
};

Frame ParseFrame(std::span<const uint8_t> bytes);

}  // namespace stronghost::lab
