// Whole frames that many tests need.
#include <algorithm>

#include "tests/lib/frame_builder.h"

namespace stronghost::lab {

Bytes ArpRequest(const MacAddress& sender_mac, const IpAddress& sender, const IpAddress& target) {
  return BuildFrame(
      {Ethernet{.destination = kBroadcastMac, .source = sender_mac},
       Arp{.operation = 1, .sender_mac = sender_mac, .sender = sender, .target = target}});
}

Bytes ArpReply(const MacAddress& sender_mac, const IpAddress& sender, const MacAddress& target_mac,
               const IpAddress& target) {
  return BuildFrame(
      {Ethernet{.destination = target_mac, .source = sender_mac}, Arp{.operation = 2,
                                                                      .sender_mac = sender_mac,
                                                                      .sender = sender,
                                                                      .target_mac = target_mac,
                                                                      .target = target}});
}

Bytes GratuitousArp(const MacAddress& mac, const IpAddress& address) {
  return ArpRequest(mac, address, address);
}

Bytes NeighborSolicit(const MacAddress& source_mac, const IpAddress& source,
                      const IpAddress& target) {
  const IpAddress group = SolicitedNode(target);
  // RFC 4861 section 4.3: the option must not be there when the source is unspecified.
  const auto option = source.IsUnspecified() ? std::nullopt : std::optional<MacAddress>(source_mac);
  return BuildFrame({Ethernet{.destination = MulticastMac(group), .source = source_mac},
                     Ipv6{.source = source, .destination = group, .hop_limit = 255},
                     NeighborSolicitation{.target = target, .source_mac = option}});
}

Bytes RedirectFrame(const Redirect& redirect) {
  uint32_t gateway = 0;
  for (int i = 0; i < 4; ++i) {
    gateway = gateway << 8U | redirect.gateway.data()[i];
  }
  // Of redirects about ICMP, Linux cares for those about echo replies.
  Bytes about =
      BuildFrame({Ethernet{}, Ipv4{.source = redirect.source, .destination = redirect.destination},
                  Icmp{.type = 0, .rest = 1}});
  about.erase(about.begin(), about.begin() + 14);
  return BuildFrame({redirect.link, Ipv4{.source = redirect.from, .destination = redirect.to},
                     Icmp{.type = 5, .code = 1, .rest = gateway}, Payload{about}});
}

IpAddress SolicitedNode(const IpAddress& address) {
  std::array<uint8_t, 16> group = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0xff};
  std::copy(address.mapped().begin() + 13, address.mapped().end(), group.begin() + 13);
  return IpAddress::FromBytes16(group.data());
}

MacAddress MulticastMac(const IpAddress& group) {
  const auto& ip = group.mapped();
  if (group.IsV4()) {
    return {{0x01, 0x00, 0x5e, static_cast<uint8_t>(ip[13] & 0x7f), ip[14], ip[15]}};
  }
  return {{0x33, 0x33, ip[12], ip[13], ip[14], ip[15]}};
}

}  // namespace stronghost::lab
