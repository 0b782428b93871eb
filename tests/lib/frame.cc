#include "tests/lib/frame.h"

#include <net/ethernet.h>
#include <netinet/in.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace stronghost::lab {
namespace {

// Reads big-endian numbers from the front; short input makes `ok` false and yields zeros.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::span<const uint8_t> rest() const { return bytes_; }

  std::span<const uint8_t> Take(size_t count) {
    static constexpr std::array<uint8_t, 64> kZeros{};
    if (count > bytes_.size()) {
      ok_ = false;
      bytes_ = {};
      return std::span<const uint8_t>(kZeros).first(std::min(count, kZeros.size()));
    }
    const auto taken = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return taken;
  }
  void Skip(size_t count) { Take(count); }
  uint8_t U8() { return Take(1)[0]; }
  uint16_t U16() {
    const auto two = Take(2);
    return static_cast<uint16_t>(two[0] << 8 | two[1]);
  }
  MacAddress Mac() {
    MacAddress mac;
    const auto six = Take(6);
    std::copy(six.begin(), six.end(), mac.bytes.begin());
    return mac;
  }
  IpAddress V4() { return IpAddress::FromBytes4(Take(4).data()); }
  IpAddress V6() { return IpAddress::FromBytes16(Take(16).data()); }
  // Leaves only the first `count` bytes: padding behind an IP packet is not its payload.
  void Limit(size_t count) { bytes_ = bytes_.first(std::min(count, bytes_.size())); }

 private:
  std::span<const uint8_t> bytes_;
  bool ok_ = true;
};

void ReadArp(Reader& reader, Frame& frame) {
  ArpView arp;
  const uint16_t hardware = reader.U16();
  const uint16_t protocol = reader.U16();
  const uint16_t lengths = reader.U16();
  arp.operation = reader.U16();
  arp.sender_mac = reader.Mac();
  arp.sender = reader.V4();
  arp.target_mac = reader.Mac();
  arp.target = reader.V4();
  if (reader.ok() && hardware == 1 && protocol == ETHERTYPE_IP && lengths == 0x0604) {
    frame.arp = arp;
  }
}

void ReadNeighbor(Reader& reader, uint8_t type, uint8_t flags, Frame& frame) {
  NeighborView neighbor{.advertisement = type == 136,
                        .target = reader.V6(),
                        .link_layer = std::nullopt,
                        .router = (flags & 0x80) != 0,
                        .solicited = (flags & 0x40) != 0,
                        .override_cache = (flags & 0x20) != 0};
  if (!reader.ok()) {
    return;
  }
  while (reader.rest().size() >= 8) {
    const uint8_t option = reader.U8();
    const uint8_t length = reader.U8();  // in units of 8 bytes
    if (length == 0) {
      break;
    }
    if ((option == 1 || option == 2) && length == 1) {
      neighbor.link_layer = reader.Mac();
    } else {
      reader.Skip(length * size_t{8} - 2);
    }
  }
  frame.neighbor = neighbor;
}

void ReadTransport(Reader& reader, Frame& frame) {
  const IpView& ip = *frame.ip;
  if (ip.fragment_offset != 0) {
    return;  // Only the first fragment has the transport's header.
  }
  Reader ahead = reader;
  if (ip.protocol == IPPROTO_UDP || ip.protocol == IPPROTO_TCP) {
    PortsView ports;
    ports.source = ahead.U16();
    ports.destination = ahead.U16();
    if (ip.protocol == IPPROTO_TCP) {
      ahead.Skip(8);
      const size_t header = static_cast<size_t>(ahead.U8() >> 4) * 4;
      ports.tcp_flags = ahead.U8();
      ahead.Skip(std::max<size_t>(header, 20) - 14);
    } else {
      ahead.Skip(4);
    }
    if (ahead.ok()) {
      frame.ports = ports;
      reader = ahead;
    }
    return;
  }
  if (ip.protocol == IPPROTO_ICMP || ip.protocol == IPPROTO_ICMPV6) {
    IcmpView icmp;
    icmp.type = ahead.U8();
    icmp.code = ahead.U8();
    ahead.Skip(2);
    icmp.id = ahead.U16();
    icmp.sequence = ahead.U16();
    if (!ahead.ok()) {
      return;
    }
    frame.icmp = icmp;
    if (ip.protocol == IPPROTO_ICMPV6 && (icmp.type == 135 || icmp.type == 136)) {
      ReadNeighbor(ahead, icmp.type, static_cast<uint8_t>(icmp.id >> 8), frame);
    }
    reader = ahead;
  }
}

void ReadIpv4(Reader& reader, Frame& frame) {
  IpView ip;
  const size_t header = static_cast<size_t>(reader.U8() & 0x0f) * 4;
  reader.Skip(1);
  const size_t total = reader.U16();
  reader.Skip(2);
  const uint16_t fragment = reader.U16();
  ip.ttl = reader.U8();
  ip.protocol = reader.U8();
  reader.Skip(2);
  ip.source = reader.V4();
  ip.destination = reader.V4();
  ip.more_fragments = (fragment & 0x2000) != 0;
  ip.fragment_offset = static_cast<uint16_t>((fragment & 0x1fff) * 8);
  ip.is_fragment = ip.more_fragments || ip.fragment_offset != 0;
  if (!reader.ok() || header < 20) {
    return;
  }
  reader.Skip(header - 20);
  // A segmentation offload writes length 0 into packets of more than 64 KiB.
  if (total >= header) {
    reader.Limit(total - header);
  }
  frame.ip = ip;
  ReadTransport(reader, frame);
}

void ReadIpv6(Reader& reader, Frame& frame) {
  IpView ip;
  ip.version = 6;
  reader.Skip(4);
  const size_t length = reader.U16();
  ip.protocol = reader.U8();
  ip.ttl = reader.U8();
  ip.source = reader.V6();
  ip.destination = reader.V6();
  if (!reader.ok()) {
    return;
  }
  if (length > 0) {
    reader.Limit(length);
  }
  while (ip.protocol == IPPROTO_HOPOPTS || ip.protocol == IPPROTO_DSTOPTS ||
         ip.protocol == IPPROTO_ROUTING || ip.protocol == IPPROTO_FRAGMENT) {
    const uint8_t kind = ip.protocol;
    ip.protocol = reader.U8();
    const uint8_t size = reader.U8();
    if (kind == IPPROTO_FRAGMENT) {
      const uint16_t fragment = reader.U16();
      reader.Skip(4);
      ip.is_fragment = true;
      ip.more_fragments = (fragment & 1) != 0;
      ip.fragment_offset = fragment & 0xfff8;
    } else {
      reader.Skip(6 + size * size_t{8});
    }
    if (!reader.ok() || ip.fragment_offset != 0) {
      break;
    }
  }
  frame.ip = ip;
  ReadTransport(reader, frame);
}

}  // namespace

Frame ParseFrame(std::span<const uint8_t> bytes) {
  Frame frame;
  Reader reader(bytes);
  frame.destination = reader.Mac();
  frame.source = reader.Mac();
  frame.ether_type = reader.U16();
  while (reader.ok() && (frame.ether_type == ETHERTYPE_VLAN || frame.ether_type == 0x88a8)) {
    frame.vlans.push_back(reader.U16() & 0x0fff);
    frame.ether_type = reader.U16();
  }
  if (frame.ether_type == ETHERTYPE_ARP) {
    ReadArp(reader, frame);
  } else if (frame.ether_type == ETHERTYPE_IP) {
    ReadIpv4(reader, frame);
  } else if (frame.ether_type == ETHERTYPE_IPV6) {
    ReadIpv6(reader, frame);
  }
  frame.payload.assign(reader.rest().begin(), reader.rest().end());
  return frame;
}

std::string Frame::ToString() const {
  std::string text = absl::StrCat(source.ToString(), " > ", destination.ToString());
  for (const uint16_t vlan : vlans) {
    absl::StrAppend(&text, " vlan ", vlan);
  }
  if (arp.has_value()) {
    absl::StrAppend(&text, arp->operation == 1 ? " ARP who-has " : " ARP reply ",
                    arp->target.ToString(), " from ", arp->sender.ToString(), " (",
                    arp->sender_mac.ToString(), ")");
  } else if (ip.has_value()) {
    absl::StrAppend(&text, " ", ip->source.ToString(), " > ", ip->destination.ToString(),
                    " protocol ", ip->protocol);
    if (ip->is_fragment) {
      absl::StrAppend(&text, " fragment at ", ip->fragment_offset);
    }
    if (ports.has_value()) {
      absl::StrAppend(&text, " ports ", ports->source, " > ", ports->destination);
    }
    if (neighbor.has_value()) {
      absl::StrAppend(&text, neighbor->advertisement ? " NA " : " NS ", neighbor->target.ToString(),
                      " link-layer ",
                      neighbor->link_layer.has_value() ? neighbor->link_layer->ToString() : "none");
    } else if (icmp.has_value()) {
      absl::StrAppend(&text, " icmp type ", icmp->type, " code ", icmp->code);
    }
  } else {
    absl::StrAppend(&text, " type ", absl::Hex(ether_type, absl::kZeroPad4));
  }
  return absl::StrCat(text, " payload ", payload.size());
}

}  // namespace stronghost::lab
