#include "tests/lab/odd_frames.h"

#include <netinet/in.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/lib/frame_builder.h"

namespace stronghost::lab {
namespace {

constexpr size_t kMacs = 12;
constexpr size_t kEthernet = 14;
constexpr uint16_t kExperimental = 0x88b5;  // IEEE 802 local experimental ethertype

class Builder {
 public:
  Builder(const Ethernet& link, const IpAddress& source, const IpAddress& destination, uint8_t tag)
      : link_(link), source_(source), destination_(destination), tag_(tag) {}

  std::vector<OddFrame> Build() {
    const bool v4 = source_.IsV4();
    Add("plain", true, Plain({}));
    AddFragments();
    Add("tagged 802.1Q", false, Plain({Vlan{.id = 5}}));
    Add("tagged twice", false, Plain({Vlan{.id = 6, .tpid = 0x88a8}, Vlan{.id = 7}}));
    v4 ? AddIpv4() : AddIpv6();
    Add("cut in the IP header", false, Cut(Plain({}), kEthernet + (v4 ? 20 : 40) - 1));
    Add("of another ethertype", false,
        BuildFrame({Ethernet{link_.destination, link_.source, kExperimental}, Text()}));
    return std::move(frames_);
  }
  OddFrame Priority() { return {"priority-tagged", true, Plain({Vlan{.id = 0, .priority = 5}})}; }

 private:
  void Add(const std::string& name, bool ip, Bytes bytes) {
    frames_.push_back({absl::StrCat(source_.IsV4() ? "IPv4 " : "IPv6 ", name), ip, bytes});
  }

  static Bytes Cut(Bytes frame, size_t size) {
    frame.resize(size);
    return frame;
  }

  // All that tells one frame from another, in the IP header too: a cut frame has nothing else.
  Payload Text() const {
    return Payload::Text(absl::StrCat("frame ", tag_, " ", frames_.size(), std::string(60, '.')));
  }
  uint16_t Id() const { return static_cast<uint16_t>(tag_ << 8 | frames_.size()); }
  Ipv4 Ip4() const { return {.source = source_, .destination = destination_, .id = Id()}; }
  Ipv6 Ip6() const { return {.source = source_, .destination = destination_, .flow_label = Id()}; }
  static Udp Ports() { return {.source_port = 9, .destination_port = 9}; }

  // `tags` behind the MACs, `between` behind the IP header.
  Bytes Plain(const std::vector<Layer>& tags, const std::vector<Layer>& between = {}) const {
    std::vector<Layer> layers = {link_};
    layers.insert(layers.end(), tags.begin(), tags.end());
    if (source_.IsV4()) {
      layers.emplace_back(Ip4());
    } else {
      layers.emplace_back(Ip6());
    }
    layers.insert(layers.end(), between.begin(), between.end());
    layers.emplace_back(Ports());
    layers.emplace_back(Text());
    return BuildFrame(layers);
  }

  void AddFragments() {
    const std::vector<Bytes> fragments = FragmentFrame(Plain({}), 32, Id());
    for (size_t i = 0; i < fragments.size(); ++i) {
      Add(absl::StrCat("fragment ", i), true, fragments[i]);
    }
  }

  void AddIpv4() {
    const auto with_options = [this](const std::string& name, Bytes options) {
      Ipv4 ip = Ip4();
      ip.options = std::move(options);
      Add(name, true, BuildFrame({link_, ip, Ports(), Text()}));
    };
    with_options("with router alert (RFC 2113)", {0x94, 4, 0, 0});
    with_options("with record route (RFC 791)", {7, 15, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
    const Arp arp{.operation = 2,
                  .sender_mac = link_.source,
                  .sender = source_,
                  .target_mac = MacAddress{{2, 0, 0, 0, tag_, 1}},
                  .target = destination_};
    Add("ARP cut short", false, Cut(BuildFrame({link_, arp}), kEthernet + 27));
  }

  void AddIpv6() {
    Add("with hop-by-hop options (RFC 2711)", true, Plain({}, {HopByHop{{5, 2, 0, 0}}}));
    Add("with destination options", true, Plain({}, {DestinationOptions{{0x1e, 4, 1, 2, 3, 4}}}));
    Add("with both", true, Plain({}, {HopByHop{}, DestinationOptions{}}));
    // Type 4, segments left 0: a segment routing header that has arrived (RFC 8754).
    Ipv6 ip = Ip6();
    ip.next_header = IPPROTO_ROUTING;
    Bytes routing = {IPPROTO_NONE, 2, 4, 0, 0, 0, 0, 0};
    routing.insert(routing.end(), destination_.mapped().begin(), destination_.mapped().end());
    Add("with a routing header", true, BuildFrame({link_, ip, Payload{routing}}));
  }

  const Ethernet link_;
  const IpAddress source_;
  const IpAddress destination_;
  const uint8_t tag_;
  std::vector<OddFrame> frames_;
};

}  // namespace

Bytes OddFrame::WithoutOuterTag() const {
  Bytes untagged = bytes;
  const bool tagged =
      (bytes[12] == 0x81 && bytes[13] == 0) || (bytes[12] == 0x88 && bytes[13] == 0xa8);
  if (tagged) {
    untagged.erase(untagged.begin() + kMacs, untagged.begin() + kMacs + 4);
  }
  return untagged;
}

std::vector<OddFrame> OddFrames(const Ethernet& link, const IpAddress& source,
                                const IpAddress& destination, uint8_t tag) {
  return Builder(link, source, destination, tag).Build();
}

OddFrame PriorityTagged(const Ethernet& link, const IpAddress& source, const IpAddress& destination,
                        uint8_t tag) {
  return Builder(link, source, destination, tag).Priority();
}

bool SameBehindMacs(const Bytes& a, const Bytes& b) {
  return a.size() >= kMacs && b.size() >= kMacs &&
         std::equal(a.begin() + kMacs, a.end(), b.begin() + kMacs, b.end());
}

Bytes WithMacs(Bytes frame, const MacAddress& destination, const MacAddress& source) {
  std::copy(destination.bytes.begin(), destination.bytes.end(), frame.begin());
  std::copy(source.bytes.begin(), source.bytes.end(), frame.begin() + 6);
  return frame;
}

}  // namespace stronghost::lab
