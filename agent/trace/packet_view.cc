#include "agent/trace/packet_view.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace stronghost {
namespace {

constexpr size_t kEthernet = 14;
constexpr size_t kIpv4 = 20;
constexpr size_t kIpv6 = 40;
constexpr size_t kArp = 28;             // RFC 826, of Ethernet and IPv4
constexpr size_t kNeighbourTarget = 8;  // RFC 4861 4.3, 4.4
constexpr uint8_t kSolicit = 135;
constexpr uint8_t kAdvert = 136;

using Bytes = absl::Span<const uint8_t>;

uint16_t Word(Bytes bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

MacAddress Mac(Bytes bytes) {
  MacAddress mac;
  std::copy_n(bytes.begin(), mac.bytes.size(), mac.bytes.begin());
  return mac;
}

std::string ProtocolName(uint8_t number) {
  switch (number) {
    case IPPROTO_ICMP:
      return "ICMP";
    case IPPROTO_IGMP:
      return "IGMP";
    case IPPROTO_TCP:
      return "TCP";
    case IPPROTO_UDP:
      return "UDP";
    case IPPROTO_GRE:
      return "GRE";
    case IPPROTO_ESP:
      return "ESP";
    case IPPROTO_ICMPV6:
      return "ICMPv6";
    case IPPROTO_SCTP:
      return "SCTP";
    case IPPROTO_FRAGMENT:
      return "IPv6 fragment";
    default:
      return absl::StrCat("IP protocol ", number);
  }
}

std::string End(const IpAddress& address, const std::optional<uint16_t>& port) {
  if (!port.has_value()) {
    return address.ToString();
  }
  return address.IsV4() ? absl::StrCat(address.ToString(), ":", *port)
                        : absl::StrCat("[", address.ToString(), "]:", *port);
}

// The flags that begin and end a session (RFC 9293 3.1).
std::string TcpFlags(Bytes tcp) {
  constexpr size_t kFlags = 13;
  std::string flags;
  for (const auto& [bit, name] : {std::pair{0x02, " SYN"}, {0x01, " FIN"}, {0x04, " RST"}}) {
    if (tcp.size() > kFlags && (tcp[kFlags] & bit) != 0) {
      flags += name;
    }
  }
  return flags;
}

void ReadTransport(Bytes bytes, uint8_t number, PacketView* view) {
  view->protocol = ProtocolName(number);
  const bool has_ports = number == IPPROTO_TCP || number == IPPROTO_UDP || number == IPPROTO_SCTP;
  if (has_ports && bytes.size() >= 4) {
    view->source_port = Word(bytes, 0);
    view->destination_port = Word(bytes, 2);
  }
  view->text = absl::StrCat(End(*view->source, view->source_port), " > ",
                            End(*view->destination, view->destination_port), " ", view->protocol);
  if (number == IPPROTO_TCP) {
    view->text += TcpFlags(bytes);
  } else if ((number == IPPROTO_ICMP || number == IPPROTO_ICMPV6) && !bytes.empty()) {
    absl::StrAppend(&view->text, " type ", bytes[0]);
  }
}

void ReadIpv4(Bytes bytes, PacketView* view) {
  view->source = IpAddress::FromBytes4(&bytes[12]);
  view->destination = IpAddress::FromBytes4(&bytes[16]);
  const size_t header = std::max<size_t>(kIpv4, (bytes[0] & 0x0fU) * size_t{4});
  const bool later_fragment = (Word(bytes, 6) & 0x1fff) != 0;
  ReadTransport(later_fragment || header > bytes.size() ? Bytes() : bytes.subspan(header), bytes[9],
                view);
  if (later_fragment) {
    view->text += " fragment";
  }
}

// What an advertisement says: its target link-layer address, or who sent it.
MacAddress AdvertisedMac(Bytes icmp, const PacketView& view) {
  constexpr size_t kOption = 24;
  const bool has_target =
      icmp.size() >= kOption + 8 && icmp[kOption] == 2 && icmp[kOption + 1] == 1;
  return has_target ? Mac(icmp.subspan(kOption + 2)) : view.source_mac;
}

void ReadNeighbour(Bytes icmp, PacketView* view) {
  view->protocol = "ND";
  view->target = IpAddress::FromBytes16(&icmp[kNeighbourTarget]);
  const std::string target = view->target->ToString();
  view->text = icmp[0] == kSolicit
                   ? absl::StrCat("ND who has ", target, ", tell ", view->source->ToString())
                   : absl::StrCat("ND ", target, " is at ", AdvertisedMac(icmp, *view).ToString());
}

void ReadIpv6(Bytes bytes, PacketView* view) {
  view->source = IpAddress::FromBytes16(&bytes[8]);
  view->destination = IpAddress::FromBytes16(&bytes[24]);
  const Bytes behind = bytes.subspan(kIpv6);
  if (bytes[6] == IPPROTO_ICMPV6 && behind.size() >= kNeighbourTarget + 16 &&
      (behind[0] == kSolicit || behind[0] == kAdvert)) {
    ReadNeighbour(behind, view);
    return;
  }
  ReadTransport(behind, bytes[6], view);
}

void ReadArp(Bytes bytes, PacketView* view) {
  view->protocol = "ARP";
  view->source = IpAddress::FromBytes4(&bytes[14]);
  view->destination = IpAddress::FromBytes4(&bytes[24]);
  const std::string source = view->source->ToString();
  if (Word(bytes, 6) != 1) {
    view->text = absl::StrCat("ARP ", source, " is at ", Mac(bytes.subspan(8)).ToString());
  } else {
    view->text = absl::StrCat("ARP who has ", view->destination->ToString(), ", tell ", source);
  }
}

bool IsEthernetArp(Bytes bytes) {
  return bytes.size() >= kArp && Word(bytes, 0) == 1 && Word(bytes, 2) == ETH_P_IP &&
         bytes[4] == 6 && bytes[5] == 4;
}

}  // namespace

bool PacketView::IsAbout(const IpAddress& address) const {
  return source == address || destination == address || target == address;
}

PacketView ReadPacket(absl::Span<const uint8_t> frame) {
  PacketView view;
  if (frame.size() < kEthernet) {
    view.text = view.protocol = "cut off";
    return view;
  }
  view.destination_mac = Mac(frame);
  view.source_mac = Mac(frame.subspan(6));
  const uint16_t type = Word(frame, 12);
  const Bytes bytes = frame.subspan(kEthernet);
  if (type == ETH_P_IP && bytes.size() >= kIpv4) {
    ReadIpv4(bytes, &view);
  } else if (type == ETH_P_IPV6 && bytes.size() >= kIpv6) {
    ReadIpv6(bytes, &view);
  } else if (type == ETH_P_ARP && IsEthernetArp(bytes)) {
    ReadArp(bytes, &view);
  } else {
    view.protocol = absl::StrFormat("EtherType 0x%04x", type);
    view.text = absl::StrCat(view.source_mac.ToString(), " > ", view.destination_mac.ToString(),
                             " ", view.protocol);
  }
  return view;
}

}  // namespace stronghost
