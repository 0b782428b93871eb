#include "tests/lib/frame_builder.h"

#include <net/ethernet.h>
#include <netinet/in.h>

#include <algorithm>
#include <type_traits>

#include "tests/lib/byte_writer.h"
#include "tests/lib/checksum.h"

namespace stronghost::lab {
namespace {

template <typename T>
concept Icmp6Layer = std::is_same_v<T, Icmp6> || std::is_same_v<T, NeighborSolicitation> ||
    std::is_same_v<T, NeighborAdvertisement> || std::is_same_v<T, RouterSolicitation> ||
    std::is_same_v<T, RouterAdvertisement>;

constexpr uint8_t kNoNextHeader = 59;
constexpr uint8_t kExperiment = 253;  // RFC 3692: what bare payload is

// The number of a layer as an Ethernet type; 0 for what has none.
uint16_t EtherType(const Layer& layer) {
  return std::visit(
      [](const auto& l) -> uint16_t {
        using T = std::decay_t<decltype(l)>;
        if constexpr (std::is_same_v<T, Vlan>) {
          return l.tpid;
        } else if constexpr (std::is_same_v<T, Arp>) {
          return ETHERTYPE_ARP;
        } else if constexpr (std::is_same_v<T, Ipv4>) {
          return ETHERTYPE_IP;
        } else if constexpr (std::is_same_v<T, Ipv6>) {
          return ETHERTYPE_IPV6;
        } else {
          return 0;
        }
      },
      layer);
}

// The number of a layer as an IP protocol or next header.
uint8_t Protocol(const Layer& layer) {
  return std::visit(
      [](const auto& l) -> uint8_t {
        using T = std::decay_t<decltype(l)>;
        if constexpr (std::is_same_v<T, HopByHop>) {
          return IPPROTO_HOPOPTS;
        } else if constexpr (std::is_same_v<T, DestinationOptions>) {
          return IPPROTO_DSTOPTS;
        } else if constexpr (std::is_same_v<T, FragmentHeader>) {
          return IPPROTO_FRAGMENT;
        } else if constexpr (std::is_same_v<T, Udp>) {
          return IPPROTO_UDP;
        } else if constexpr (std::is_same_v<T, Tcp>) {
          return IPPROTO_TCP;
        } else if constexpr (std::is_same_v<T, Icmp>) {
          return IPPROTO_ICMP;
        } else if constexpr (Icmp6Layer<T>) {
          return IPPROTO_ICMPV6;
        } else if constexpr (std::is_same_v<T, Ipv4>) {
          return IPPROTO_IPIP;
        } else if constexpr (std::is_same_v<T, Ipv6>) {
          return IPPROTO_IPV6;
        } else if constexpr (std::is_same_v<T, Payload>) {
          return kExperiment;
        } else {
          return kNoNextHeader;
        }
      },
      layer);
}

// What a layer knows of its surroundings: the layer inside it, and the IP layer around it.
struct Context {
  const Layer* next = nullptr;
  IpAddress source;
  IpAddress destination;

  [[nodiscard]] uint16_t NextType() const { return next == nullptr ? 0 : EtherType(*next); }
  [[nodiscard]] uint8_t NextProtocol() const {
    return next == nullptr ? kNoNextHeader : Protocol(*next);
  }
};

void FinishTransport(Bytes& segment, size_t checksum_at, uint8_t protocol, const Context& context,
                     const std::optional<uint16_t>& given) {
  const uint16_t right = TransportChecksum(context.source, context.destination, protocol, segment);
  Set16(segment, checksum_at, given.value_or(right));
}

void PutLinkLayerOption(Bytes& out, uint8_t type, const std::optional<MacAddress>& mac) {
  if (mac.has_value()) {
    Put8(out, type);
    Put8(out, 1);  // length in units of 8 bytes
    Put(out, *mac);
  }
}

void PutOptionsHeader(Bytes& out, const Bytes& options, const Context& context) {
  const size_t size = (2 + options.size() + 7) / 8 * 8;
  const size_t padding = size - 2 - options.size();
  Put8(out, context.NextProtocol());
  Put8(out, static_cast<unsigned>(size / 8 - 1));
  Put(out, options);
  if (padding == 1) {
    Put8(out, 0);  // Pad1
  } else if (padding > 1) {
    Put8(out, 1);  // PadN
    Put8(out, static_cast<unsigned>(padding - 2));
    out.resize(size);
  }
}

// Write(layer, inner, context) gives the bytes of the layer with `inner` in it.
Bytes Write(const Ethernet& l, const Bytes& inner, const Context& context) {
  Bytes out;
  Put(out, l.destination);
  Put(out, l.source);
  Put16(out, l.type.value_or(context.NextType()));
  Put(out, inner);
  return out;
}

Bytes Write(const Vlan& l, const Bytes& inner, const Context& context) {
  Bytes out;
  Put16(out, static_cast<unsigned>(l.priority << 13 | l.id));
  Put16(out, l.type.value_or(context.NextType()));
  Put(out, inner);
  return out;
}

Bytes Write(const Arp& l, const Bytes& inner, const Context& /*context*/) {
  Bytes out;
  Put16(out, 1);  // Ethernet
  Put16(out, ETHERTYPE_IP);
  Put8(out, 6);
  Put8(out, 4);
  Put16(out, l.operation);
  Put(out, l.sender_mac);
  Put(out, l.sender);
  Put(out, l.target_mac);
  Put(out, l.target);
  Put(out, inner);
  return out;
}

Bytes Write(const Ipv4& l, const Bytes& inner, const Context& context) {
  const size_t header = 20 + (l.options.size() + 3) / 4 * 4;
  Bytes out;
  Put8(out, static_cast<unsigned>(0x40 | header / 4));
  Put8(out, l.tos);
  Put16(out, l.total_length.value_or(static_cast<uint16_t>(header + inner.size())));
  Put16(out, l.id);
  Put16(out,
        (l.dont_fragment ? 0x4000U : 0U) | (l.more_fragments ? 0x2000U : 0U) | l.fragment_offset);
  Put8(out, l.ttl);
  Put8(out, l.protocol.value_or(context.NextProtocol()));
  Put16(out, 0);
  Put(out, l.source);
  Put(out, l.destination);
  Put(out, l.options);
  out.resize(header);
  Set16(out, 10, l.checksum.value_or(InternetChecksum(out)));
  Put(out, inner);
  return out;
}

Bytes Write(const Ipv6& l, const Bytes& inner, const Context& context) {
  Bytes out;
  Put32(out, 6U << 28 | static_cast<uint32_t>(l.traffic_class) << 20 | l.flow_label);
  Put16(out, l.payload_length.value_or(static_cast<uint16_t>(inner.size())));
  Put8(out, l.next_header.value_or(context.NextProtocol()));
  Put8(out, l.hop_limit);
  Put(out, l.source);
  Put(out, l.destination);
  Put(out, inner);
  return out;
}

Bytes Write(const HopByHop& l, const Bytes& inner, const Context& context) {
  Bytes out;
  PutOptionsHeader(out, l.options, context);
  Put(out, inner);
  return out;
}

Bytes Write(const DestinationOptions& l, const Bytes& inner, const Context& context) {
  Bytes out;
  PutOptionsHeader(out, l.options, context);
  Put(out, inner);
  return out;
}

Bytes Write(const FragmentHeader& l, const Bytes& inner, const Context& context) {
  Bytes out;
  Put8(out, l.next_header.value_or(context.NextProtocol()));
  Put8(out, 0);
  Put16(out, static_cast<unsigned>(l.offset << 3) | (l.more ? 1U : 0U));
  Put32(out, l.id);
  Put(out, inner);
  return out;
}

Bytes Write(const Udp& l, const Bytes& inner, const Context& context) {
  Bytes out;
  Put16(out, l.source_port);
  Put16(out, l.destination_port);
  Put16(out, l.length.value_or(static_cast<uint16_t>(8 + inner.size())));
  Put16(out, 0);
  Put(out, inner);
  FinishTransport(out, 6, IPPROTO_UDP, context, l.checksum);
  if (!l.checksum.has_value() && Get16(out, 6) == 0) {
    Set16(out, 6, 0xffff);  // RFC 768: zero would mean "none"
  }
  return out;
}

Bytes Write(const Tcp& l, const Bytes& inner, const Context& context) {
  const size_t header = 20 + (l.options.size() + 3) / 4 * 4;
  Bytes out;
  Put16(out, l.source_port);
  Put16(out, l.destination_port);
  Put32(out, l.sequence);
  Put32(out, l.acknowledgement);
  Put8(out, static_cast<unsigned>(header / 4 << 4));
  Put8(out, l.flags);
  Put16(out, l.window);
  Put16(out, 0);
  Put16(out, 0);
  Put(out, l.options);
  out.resize(header);
  Put(out, inner);
  FinishTransport(out, 16, IPPROTO_TCP, context, l.checksum);
  return out;
}

Bytes Write(const Icmp& l, const Bytes& inner, const Context& /*context*/) {
  Bytes out = {l.type, l.code, 0, 0};
  Put32(out, l.rest);
  Put(out, inner);
  Set16(out, 2, l.checksum.value_or(InternetChecksum(out)));
  return out;
}

Bytes Write(const Icmp6& l, const Bytes& inner, const Context& context) {
  Bytes out = {l.type, l.code, 0, 0};
  Put32(out, l.rest);
  Put(out, inner);
  FinishTransport(out, 2, IPPROTO_ICMPV6, context, l.checksum);
  return out;
}

Bytes Write(const NeighborSolicitation& l, const Bytes& inner, const Context& context) {
  Bytes body;
  Put(body, l.target);
  PutLinkLayerOption(body, 1, l.source_mac);
  Put(body, inner);
  return Write(Icmp6{.type = 135}, body, context);
}

Bytes Write(const NeighborAdvertisement& l, const Bytes& inner, const Context& context) {
  Bytes body;
  Put(body, l.target);
  PutLinkLayerOption(body, 2, l.target_mac);
  Put(body, inner);
  const uint32_t flags = (l.router ? 1U << 31 : 0U) | (l.solicited ? 1U << 30 : 0U) |
                         (l.override_cache ? 1U << 29 : 0U);
  return Write(Icmp6{.type = 136, .rest = flags}, body, context);
}

Bytes Write(const RouterSolicitation& l, const Bytes& inner, const Context& context) {
  Bytes body;
  PutLinkLayerOption(body, 1, l.source_mac);
  Put(body, inner);
  return Write(Icmp6{.type = 133}, body, context);
}

Bytes Write(const RouterAdvertisement& l, const Bytes& inner, const Context& context) {
  Bytes body;
  Put32(body, 0);  // reachable time
  Put32(body, 0);  // retransmission time
  PutLinkLayerOption(body, 1, l.source_mac);
  if (l.prefix.has_value()) {
    Put8(body, 3);
    Put8(body, 4);
    Put8(body, static_cast<unsigned>(l.prefix->length));
    Put8(body, 0xc0);  // on-link, autonomous
    Put32(body, 3600);
    Put32(body, 3600);
    Put32(body, 0);
    Put(body, l.prefix->Network().address);
  }
  Put(body, inner);
  const uint32_t rest =
      static_cast<uint32_t>(l.hop_limit) << 24 | static_cast<uint32_t>(l.flags) << 16 | l.lifetime;
  return Write(Icmp6{.type = 134, .rest = rest}, body, context);
}

Bytes Write(const Payload& l, const Bytes& inner, const Context& /*context*/) {
  Bytes out = l.bytes;
  Put(out, inner);
  return out;
}

// Takes the addresses of the nearest IP layer around layer `index`.
void SetAddresses(const std::vector<Layer>& layers, size_t index, Context& context) {
  while (index-- > 0) {
    if (const auto* v4 = std::get_if<Ipv4>(&layers[index])) {
      context.source = v4->source;
      context.destination = v4->destination;
      return;
    }
    if (const auto* v6 = std::get_if<Ipv6>(&layers[index])) {
      context.source = v6->source;
      context.destination = v6->destination;
      return;
    }
  }
}

}  // namespace

Bytes BuildFrame(const std::vector<Layer>& layers) {
  Bytes frame;
  for (size_t i = layers.size(); i-- > 0;) {
    Context context;
    context.next = i + 1 < layers.size() ? &layers[i + 1] : nullptr;
    SetAddresses(layers, i, context);
    frame = std::visit([&](const auto& layer) { return Write(layer, frame, context); }, layers[i]);
  }
  return frame;
}

}  // namespace stronghost::lab
