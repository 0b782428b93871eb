// The beginning of a frame, for people: who sends what to whom.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "agent/base/net_types.h"

namespace stronghost {

struct PacketView {
  MacAddress source_mac;
  MacAddress destination_mac;
  // Of the IP header; of ARP the sender and whom it asks for or tells. nullopt: there are none.
  std::optional<IpAddress> source;
  std::optional<IpAddress> destination;
  std::optional<IpAddress> target;  // of a neighbour solicitation or advertisement (RFC 4861)
  std::string protocol;             // "TCP", "ARP", "IP protocol 132", "EtherType 0x88cc" ...
  std::optional<uint16_t> source_port;
  std::optional<uint16_t> destination_port;
  std::string text;  // all of it but the MACs, in one line

  // Source, destination or target.
  [[nodiscard]] bool IsAbout(const IpAddress& address) const;
};

// Of a frame from its Ethernet header on, cut off anywhere. IPv6 extension headers are named, not
// followed; a fragment that is not the first shows no ports.
PacketView ReadPacket(absl::Span<const uint8_t> frame);

}  // namespace stronghost
