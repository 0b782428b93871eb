#include "agent/act/announce_frames.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>

namespace stronghost {
namespace {

constexpr MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
constexpr size_t kMinFrame = 60;
constexpr size_t kReportMtu = 1280;

constexpr uint16_t kEtherIpv4 = 0x0800;
constexpr uint16_t kEtherArp = 0x0806;
constexpr uint16_t kEtherRarp = 0x8035;
constexpr uint16_t kEtherIpv6 = 0x86dd;
constexpr uint16_t kArpRequest = 1;
constexpr uint16_t kRarpRequest = 3;

constexpr uint8_t kIgmpV2Report = 0x16;
constexpr uint8_t kIgmpV3Report = 0x22;
constexpr uint8_t kMldV2Report = 143;
constexpr uint8_t kModeIsExclude = 2;
constexpr uint8_t kNeighborSolicitation = 135;
constexpr uint8_t kNeighborAdvertisement = 136;
constexpr size_t kIpv4Header = 24;  // with router alert
constexpr size_t kIpv6Header = 40;
constexpr size_t kHopByHop = 8;
constexpr size_t kReportHeader = 8;

// Appends in network byte order.
class Writer {
 public:
  Writer& U8(size_t value) {
    frame_.push_back(static_cast<uint8_t>(value));
    return *this;
  }
  Writer& U16(size_t value) { return U8((value >> 8) & 0xff).U8(value & 0xff); }
  Writer& Zeros(size_t count) {
    frame_.resize(frame_.size() + count);
    return *this;
  }
  Writer& Mac(const MacAddress& mac) {
    frame_.insert(frame_.end(), mac.bytes.begin(), mac.bytes.end());
    return *this;
  }
  Writer& Ip(const IpAddress& ip) {
    frame_.insert(frame_.end(), ip.data(), ip.data() + ip.size());
    return *this;
  }
  Writer& Ethernet(const MacAddress& to, const MacAddress& from, uint16_t type) {
    return Mac(to).Mac(from).U16(type);
  }

  [[nodiscard]] size_t size() const { return frame_.size(); }

  // Internet checksum (RFC 1071) over [from, end) plus `pseudo`, put at `at` (zero until now).
  Writer& Checksum(size_t at, size_t from, uint32_t pseudo = 0) {
    const uint32_t sum = ~Fold(pseudo + Sum(frame_.data() + from, frame_.size() - from));
    frame_[at] = static_cast<uint8_t>(sum >> 8);
    frame_[at + 1] = static_cast<uint8_t>(sum);
    return *this;
  }

  static uint32_t Sum(const uint8_t* bytes, size_t size) {
    uint32_t sum = 0;
    for (size_t i = 0; i < size; ++i) {
      sum += static_cast<uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    }
    return sum;
  }

  Frame Finish() {
    frame_.resize(std::max(frame_.size(), kMinFrame));
    return std::move(frame_);
  }

 private:
  static uint32_t Fold(uint32_t sum) {
    while (sum > 0xffff) {
      sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
  }

  Frame frame_;
};

IpAddress V6(std::array<uint8_t, 16> bytes) {
  return IpAddress::FromBytes16(bytes.data());
}
IpAddress AllNodes() {
  return V6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}
IpAddress AllMldRouters() {
  return V6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16});
}
IpAddress AllIgmpRouters() {
  constexpr std::array<uint8_t, 4> kBytes = {224, 0, 0, 22};
  return IpAddress::FromBytes4(kBytes.data());
}

// Sum of the ICMPv6 pseudo header (RFC 8200 section 8.1).
uint32_t PseudoSum(const IpAddress& from, const IpAddress& to, size_t length) {
  return Writer::Sum(from.data(), 16) + Writer::Sum(to.data(), 16) + static_cast<uint32_t>(length) +
         IPPROTO_ICMPV6;
}

Writer ArpFrame(uint16_t type, uint16_t operation, const MacAddress& mac) {
  Writer writer;
  writer.Ethernet(kBroadcast, mac, type).U16(1).U16(kEtherIpv4).U8(6).U8(4).U16(operation);
  return writer;
}

// IPv4 header as RFC 3376 section 4 wants it: TTL 1, precedence 0xc0, router alert (RFC 2113).
Writer IgmpFrame(const MacAddress& mac, const IpAddress& from, const IpAddress& to, size_t length) {
  Writer writer;
  writer.Ethernet(MulticastMac(to), mac, kEtherIpv4);
  const size_t header = writer.size();
  writer.U8(0x46).U8(0xc0).U16(kIpv4Header + length);
  writer.U16(0).U16(0x4000);  // no identification: don't fragment
  writer.U8(1).U8(IPPROTO_IGMP).U16(0).Ip(from).Ip(to);
  writer.U8(148).U8(4).U16(0);
  writer.Checksum(header + 10, header);
  return writer;
}

Writer Ipv6Frame(const MacAddress& mac, const IpAddress& from, const IpAddress& to, size_t length,
                 uint8_t next_header, uint8_t hop_limit) {
  Writer writer;
  writer.Ethernet(MulticastMac(to), mac, kEtherIpv6).U8(0x60).Zeros(3).U16(length);
  writer.U8(next_header).U8(hop_limit).Ip(from).Ip(to);
  return writer;
}

std::vector<IpAddress> Reported(const std::vector<IpAddress>& groups, bool v4) {
  std::vector<IpAddress> reported;
  for (const IpAddress& group : groups) {
    if (group.IsV4() == v4 && IsReportedGroup(group)) {
      reported.push_back(group);
    }
  }
  return reported;
}

}  // namespace

MacAddress MulticastMac(const IpAddress& group) {
  const uint8_t* ip = group.data();
  if (group.IsV4()) {
    return {{0x01, 0x00, 0x5e, static_cast<uint8_t>(ip[1] & 0x7f), ip[2], ip[3]}};
  }
  return {{0x33, 0x33, ip[12], ip[13], ip[14], ip[15]}};
}

bool IsReportedGroup(const IpAddress& group) {
  if (!group.IsMulticast()) {
    return false;
  }
  if (group.IsV4()) {
    constexpr std::array<uint8_t, 4> kAllHosts = {224, 0, 0, 1};
    return !std::equal(kAllHosts.begin(), kAllHosts.end(), group.data());
  }
  return (group.data()[1] & 0x0f) > 1 && group != AllNodes();
}

Frame LearningFrame(const MacAddress& home_mac) {
  return ArpFrame(kEtherRarp, kRarpRequest, home_mac)
      .Mac(home_mac)
      .Zeros(4)
      .Mac(home_mac)
      .Zeros(4)
      .Finish();
}

Frame ArpAnnouncement(const IpAddress& ip, const MacAddress& mac) {
  return ArpFrame(kEtherArp, kArpRequest, mac).Mac(mac).Ip(ip).Zeros(6).Ip(ip).Finish();
}

Frame UnsolicitedNa(const IpAddress& ip, const MacAddress& mac, bool router) {
  constexpr size_t kLength = 32;  // 24 of the message, 8 of the option
  const IpAddress to = AllNodes();
  Writer writer = Ipv6Frame(mac, ip, to, kLength, IPPROTO_ICMPV6, 255);
  const size_t message = writer.size();
  writer.U8(kNeighborAdvertisement).U8(0).U16(0);
  writer.U8(router ? 0xa0 : 0x20).Zeros(3).Ip(ip);  // R, S, O are the top three bits
  writer.U8(2).U8(1).Mac(mac);
  return writer.Checksum(message + 2, message, PseudoSum(ip, to, kLength)).Finish();
}

Frame ArpRequest(const MacAddress& to, const IpAddress& target, const IpAddress& source,
                 const MacAddress& mac) {
  Writer writer;
  writer.Ethernet(to, mac, kEtherArp).U16(1).U16(kEtherIpv4).U8(6).U8(4).U16(kArpRequest);
  return writer.Mac(mac).Ip(source).Zeros(6).Ip(target).Finish();
}

IpAddress SolicitedNode(const IpAddress& ip) {
  const uint8_t* last = ip.data() + 13;
  return V6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, last[0], last[1], last[2]});
}

Frame NeighborSolicitation(const MacAddress& to, const IpAddress& target, const IpAddress& source,
                           const MacAddress& mac) {
  constexpr size_t kLength = 32;  // 24 of the message, 8 of the option
  const IpAddress destination = to.IsMulticast() ? SolicitedNode(target) : target;
  Writer writer;
  writer.Ethernet(to, mac, kEtherIpv6).U8(0x60).Zeros(3).U16(kLength);
  writer.U8(IPPROTO_ICMPV6).U8(255).Ip(source).Ip(destination);
  const size_t message = writer.size();
  writer.U8(kNeighborSolicitation).U8(0).U16(0).Zeros(4).Ip(target);
  writer.U8(1).U8(1).Mac(mac);
  return writer.Checksum(message + 2, message, PseudoSum(source, destination, kLength)).Finish();
}

std::vector<Frame> IgmpV3Reports(const MacAddress& mac, const IpAddress& source,
                                 const std::vector<IpAddress>& groups) {
  constexpr size_t kRecord = 8;
  constexpr size_t kMax = (kReportMtu - kIpv4Header - kReportHeader) / kRecord;
  const std::vector<IpAddress> reported = Reported(groups, /*v4=*/true);
  std::vector<Frame> frames;
  for (size_t begin = 0; begin < reported.size(); begin += kMax) {
    const size_t count = std::min(kMax, reported.size() - begin);
    Writer writer = IgmpFrame(mac, source, AllIgmpRouters(), kReportHeader + count * kRecord);
    const size_t message = writer.size();
    writer.U8(kIgmpV3Report).U8(0).U16(0).U16(0).U16(count);
    for (size_t i = begin; i < begin + count; ++i) {
      writer.U8(kModeIsExclude).U8(0).U16(0).Ip(reported[i]);
    }
    frames.push_back(writer.Checksum(message + 2, message).Finish());
  }
  return frames;
}

std::vector<Frame> IgmpV2Reports(const MacAddress& mac, const IpAddress& source,
                                 const std::vector<IpAddress>& groups) {
  std::vector<Frame> frames;
  for (const IpAddress& group : Reported(groups, /*v4=*/true)) {
    Writer writer = IgmpFrame(mac, source, group, kReportHeader);
    const size_t message = writer.size();
    writer.U8(kIgmpV2Report).U8(0).U16(0).Ip(group);
    frames.push_back(writer.Checksum(message + 2, message).Finish());
  }
  return frames;
}

std::vector<Frame> MldV2Reports(const MacAddress& mac, const IpAddress& source,
                                const std::vector<IpAddress>& groups) {
  constexpr size_t kRecord = 20;
  constexpr size_t kMax = (kReportMtu - kIpv6Header - kHopByHop - kReportHeader) / kRecord;
  const std::vector<IpAddress> reported = Reported(groups, /*v4=*/false);
  const IpAddress to = AllMldRouters();
  std::vector<Frame> frames;
  for (size_t begin = 0; begin < reported.size(); begin += kMax) {
    const size_t count = std::min(kMax, reported.size() - begin);
    const size_t length = kReportHeader + count * kRecord;
    Writer writer = Ipv6Frame(mac, source, to, kHopByHop + length, IPPROTO_HOPOPTS, 1);
    // Router alert "MLD" (RFC 2711) and two bytes of PadN.
    writer.U8(IPPROTO_ICMPV6).U8(0).U8(5).U8(2).U16(0).U8(1).U8(0);
    const size_t message = writer.size();
    writer.U8(kMldV2Report).U8(0).U16(0).U16(0).U16(count);
    for (size_t i = begin; i < begin + count; ++i) {
      writer.U8(kModeIsExclude).U8(0).U16(0).Ip(reported[i]);
    }
    frames.push_back(writer.Checksum(message + 2, message, PseudoSum(source, to, length)).Finish());
  }
  return frames;
}

}  // namespace stronghost
