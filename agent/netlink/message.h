// Netlink messages as values: one that can be sent, and safe walks over what was received.
#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "agent/base/net_types.h"

namespace stronghost {

// One request. Copyable; its bytes are laid out as netlink(7) says. Everything that the agent sends
// fits by far; what does not is remembered in overflowed() and never sent.
class NetlinkMessage {
 public:
  static constexpr size_t kCapacity = 256;

  // `type` is RTM_*, `flags` are NLM_F_*; NLM_F_REQUEST is added.
  NetlinkMessage(uint16_t type, uint16_t flags);

  // Appends the family header (ifinfomsg, rtmsg, ...), zeroed, to be filled by the caller. Comes
  // before the attributes, once. The reference dies with the message.
  template <typename Header>
  Header& AddHeader() {
    return *static_cast<Header*>(Extend(sizeof(Header)));
  }

  void PutBytes(uint16_t type, const void* data, size_t size);
  void PutU8(uint16_t type, uint8_t value) { PutBytes(type, &value, sizeof(value)); }
  void PutU32(uint16_t type, uint32_t value) {
    PutBytes(type, &value, sizeof(value));
  }                                                // host order
  void PutIp(uint16_t type, const IpAddress& ip);  // 4 or 16 bytes
  void PutMac(uint16_t type, const MacAddress& mac);

  [[nodiscard]] nlmsghdr& header();
  [[nodiscard]] const nlmsghdr& header() const;
  [[nodiscard]] size_t size() const { return header().nlmsg_len; }
  [[nodiscard]] bool overflowed() const { return overflowed_; }

 private:
  void* Extend(size_t size);

  alignas(nlmsghdr) std::array<char, kCapacity> bytes_{};
  bool overflowed_ = false;
};

// Calls `visit` for each message of a datagram; its nlmsg_len bytes are all inside the datagram.
// False if the rest of the datagram makes no sense (the messages before were visited).
// The datagram has to be aligned to 4 bytes.
bool ForEachMessage(absl::Span<const char> datagram,
                    absl::FunctionRef<void(const nlmsghdr& message)> visit);

// Calls `visit` for each attribute of `bytes` (type without its flag bits, payload). False if an
// attribute does not fit; those before it were visited. `bytes` has to be aligned to 4 bytes.
bool ForEachAttribute(absl::Span<const char> bytes,
                      absl::FunctionRef<void(uint16_t type, absl::Span<const char> payload)> visit);

// What follows the family header of `message`, for ForEachAttribute. Empty if there is nothing.
absl::Span<const char> AttributeBytes(const nlmsghdr& message, size_t family_header_size);

// Pointer to the family header, or null if the message is too short for it.
template <typename Header>
const Header* FamilyHeader(const nlmsghdr& message) {
  if (message.nlmsg_len < NLMSG_HDRLEN + sizeof(Header)) {
    return nullptr;
  }
  const void* payload = &message + 1;
  return static_cast<const Header*>(payload);
}

// Copies a fixed-width value out of an attribute. False, with `value` as it was, if the attribute
// is shorter.
template <typename T>
[[nodiscard]] bool ReadValue(absl::Span<const char> payload, T& value) {
  if (payload.size() < sizeof(T)) {
    return false;
  }
  std::memcpy(&value, payload.data(), sizeof(T));
  return true;
}

// Copies a string, with or without its final NUL.
std::string ReadString(absl::Span<const char> payload);

// Copies an address of `family` (AF_INET, AF_INET6). False if the size is wrong, the family another
// or the address an IPv4-mapped IPv6 one, which IpAddress would take for the IPv4 address.
[[nodiscard]] bool ReadIp(absl::Span<const char> payload, int family, IpAddress& ip);

}  // namespace stronghost
