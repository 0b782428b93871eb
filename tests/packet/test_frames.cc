#include "tests/packet/test_frames.h"

#include <netinet/in.h>

#include <algorithm>
#include <span>

#include "tests/lib/checksum.h"

namespace stronghost::packet {

using lab::Arp;
using lab::BuildFrame;
using lab::Ethernet;
using lab::Ipv4;
using lab::Ipv6;
using lab::kBroadcastMac;
using lab::NeighborAdvertisement;
using lab::NeighborSolicitation;
using lab::Payload;
using lab::Udp;

lab::Layer IpHeader(const IpAddress& source, const IpAddress& destination) {
  if (destination.IsV4()) {
    return Ipv4{.source = source, .destination = destination};
  }
  return Ipv6{.source = source, .destination = destination};
}

Bytes Datagram(const MacAddress& from_mac, const IpAddress& from, const MacAddress& to_mac,
               const IpAddress& to) {
  return BuildFrame({Ethernet{.destination = to_mac, .source = from_mac}, IpHeader(from, to),
                     Udp{.source_port = 4000, .destination_port = 53},
                     Payload::Text("sixteen bytes...")});
}

Bytes AddressRequest(const MacAddress& from_mac, const IpAddress& from, const IpAddress& target) {
  return target.IsV4() ? lab::ArpRequest(from_mac, from, target)
                       : lab::NeighborSolicit(from_mac, from, target);
}

Bytes UnicastRequest(const MacAddress& from_mac, const IpAddress& from, const MacAddress& to_mac,
                     const IpAddress& target) {
  if (target.IsV4()) {
    return WithDestination(lab::ArpRequest(from_mac, from, target), to_mac);
  }
  return BuildFrame({Ethernet{.destination = to_mac, .source = from_mac},
                     Ipv6{.source = from, .destination = target, .hop_limit = 255},
                     NeighborSolicitation{.target = target, .source_mac = from_mac}});
}

Bytes Announcement(const MacAddress& mac, const IpAddress& address) {
  if (address.IsV4()) {
    return lab::GratuitousArp(mac, address);
  }
  const IpAddress all_nodes = Ip("ff02::1");
  return BuildFrame(
      {Ethernet{.destination = lab::MulticastMac(all_nodes), .source = mac},
       Ipv6{.source = address, .destination = all_nodes, .hop_limit = 255},
       NeighborAdvertisement{.target = address, .target_mac = mac, .solicited = false}});
}

Bytes AddressReply(const MacAddress& mac, const IpAddress& address, const MacAddress& to_mac,
                   const IpAddress& to) {
  if (address.IsV4()) {
    return lab::ArpReply(mac, address, to_mac, to);
  }
  return BuildFrame({Ethernet{.destination = to_mac, .source = mac},
                     Ipv6{.source = address, .destination = to, .hop_limit = 255},
                     NeighborAdvertisement{.target = address, .target_mac = mac}});
}

Bytes WithSource(Bytes frame, const MacAddress& mac) {
  std::copy(mac.bytes.begin(), mac.bytes.end(), frame.begin() + 6);
  return frame;
}

Bytes WithDestination(Bytes frame, const MacAddress& mac) {
  std::copy(mac.bytes.begin(), mac.bytes.end(), frame.begin());
  return frame;
}

bool HasRightIcmp6Checksum(const Bytes& frame) {
  constexpr size_t kIp = 14;
  constexpr size_t kIcmp = kIp + 40;
  const size_t length = static_cast<size_t>(frame.at(kIp + 4) << 8 | frame.at(kIp + 5));
  const auto message = std::span<const uint8_t>(frame).subspan(kIcmp, length);
  return lab::TransportChecksum(IpAddress::FromBytes16(&frame[kIp + 8]),
                                IpAddress::FromBytes16(&frame[kIp + 24]), IPPROTO_ICMPV6,
                                message) == 0;
}

}  // namespace stronghost::packet
