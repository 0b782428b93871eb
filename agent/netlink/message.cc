#include "agent/netlink/message.h"

#include <libmnl/libmnl.h>
#include <sys/socket.h>

namespace stronghost {

NetlinkMessage::NetlinkMessage(uint16_t type, uint16_t flags) {
  nlmsghdr* put = mnl_nlmsg_put_header(bytes_.data());
  put->nlmsg_type = type;
  put->nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST);
}

void* NetlinkMessage::Extend(size_t size) {
  static_assert(kCapacity >= 128, "the largest family header has to fit without a check");
  return mnl_nlmsg_put_extra_header(&header(), size);
}

void NetlinkMessage::PutBytes(uint16_t type, const void* data, size_t size) {
  if (!mnl_attr_put_check(&header(), kCapacity, type, size, data)) {
    overflowed_ = true;
  }
}

void NetlinkMessage::PutIp(uint16_t type, const IpAddress& ip) {
  PutBytes(type, ip.data(), static_cast<size_t>(ip.size()));
}

void NetlinkMessage::PutMac(uint16_t type, const MacAddress& mac) {
  PutBytes(type, mac.bytes.data(), mac.bytes.size());
}

nlmsghdr& NetlinkMessage::header() {
  void* start = bytes_.data();
  return *static_cast<nlmsghdr*>(start);
}

const nlmsghdr& NetlinkMessage::header() const {
  const void* start = bytes_.data();
  return *static_cast<const nlmsghdr*>(start);
}

bool ForEachMessage(absl::Span<const char> datagram,
                    absl::FunctionRef<void(const nlmsghdr& message)> visit) {
  // mnl_nlmsg_ok() compares the length as a signed number, so that one above 2^31 passes.
  while (datagram.size() >= sizeof(nlmsghdr)) {
    const void* start = datagram.data();
    const auto& message = *static_cast<const nlmsghdr*>(start);
    if (message.nlmsg_len < sizeof(nlmsghdr) || message.nlmsg_len > datagram.size()) {
      return false;
    }
    visit(message);
    const size_t step = MNL_ALIGN(size_t{message.nlmsg_len});
    datagram.remove_prefix(std::min(step, datagram.size()));
  }
  return datagram.empty();
}

bool ForEachAttribute(
    absl::Span<const char> bytes,
    absl::FunctionRef<void(uint16_t type, absl::Span<const char> payload)> visit) {
  while (!bytes.empty()) {
    const void* start = bytes.data();
    const auto* attribute = static_cast<const nlattr*>(start);
    if (!mnl_attr_ok(attribute, static_cast<int>(bytes.size()))) {
      return false;
    }
    visit(mnl_attr_get_type(attribute), {static_cast<const char*>(mnl_attr_get_payload(attribute)),
                                         mnl_attr_get_payload_len(attribute)});
    const size_t step = MNL_ALIGN(size_t{attribute->nla_len});
    bytes.remove_prefix(std::min(step, bytes.size()));
  }
  return true;
}

absl::Span<const char> AttributeBytes(const nlmsghdr& message, size_t family_header_size) {
  const size_t offset = NLMSG_HDRLEN + MNL_ALIGN(family_header_size);
  if (message.nlmsg_len <= offset) {
    return {};
  }
  const void* start = &message;
  return {static_cast<const char*>(start) + offset, message.nlmsg_len - offset};
}

std::string ReadString(absl::Span<const char> payload) {
  return {payload.data(), strnlen(payload.data(), payload.size())};
}

bool ReadIp(absl::Span<const char> payload, int family, IpAddress& ip) {
  std::array<uint8_t, 16> bytes{};
  const size_t size = family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
  if (size == 0 || payload.size() != size) {
    return false;
  }
  std::memcpy(bytes.data(), payload.data(), size);
  const IpAddress read = family == AF_INET ? IpAddress::FromBytes4(bytes.data())
                                           : IpAddress::FromBytes16(bytes.data());
  if (read.family() != family) {
    return false;
  }
  ip = read;
  return true;
}

}  // namespace stronghost
