// The few network values that every folder shares. All are small, comparable and hashable.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace stronghost {

// Kernel interface index in the agent's network namespace; 0 is "none".
enum class IfIndex : uint32_t { kNone = 0 };
constexpr uint32_t ToInt(IfIndex index) {
  return static_cast<uint32_t>(index);
}

// Index of a home in the map sh_homes, 1 to SH_HOMES_MAX - 1; 0 is "none".
enum class HomeIndex : uint32_t { kNone = 0 };
constexpr uint32_t ToInt(HomeIndex index) {
  return static_cast<uint32_t>(index);
}

// Ethernet address, bytes in transmission order.
struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  static absl::StatusOr<MacAddress> Parse(absl::string_view text);  // "02:00:5e:10:00:01"
  [[nodiscard]] std::string ToString() const;
  [[nodiscard]] bool IsZero() const { return *this == MacAddress{}; }
  [[nodiscard]] bool IsMulticast() const { return (bytes[0] & 1) != 0; }

  auto operator<=>(const MacAddress&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const MacAddress& m) {
    return H::combine(std::move(h), m.bytes);
  }
};

// IPv4 or IPv6 address. IPv4 is held as v4-mapped (::ffff:a.b.c.d), the form of the map keys, so
// one type serves both families. Bytes in network order.
class IpAddress {
 public:
  IpAddress() = default;  // "::", which is never a managed address
  static IpAddress V4(uint32_t network_order);
  static IpAddress FromBytes4(const uint8_t* bytes);
  static IpAddress FromBytes16(const uint8_t* bytes);
  // Text of either family, without prefix length or scope. IPv4-mapped text ("::ffff:1.2.3.4")
  // is refused: it would be taken for the IPv4 address.
  static absl::StatusOr<IpAddress> Parse(absl::string_view text);

  [[nodiscard]] std::string ToString() const;
  [[nodiscard]] bool IsV4() const;
  [[nodiscard]] bool IsV6() const { return !IsV4(); }
  [[nodiscard]] int family() const;        // AF_INET or AF_INET6
  [[nodiscard]] int max_length() const;    // 32 or 128
  [[nodiscard]] bool IsLinkLocal() const;  // fe80::/10; 169.254.0.0/16 is not meant
  [[nodiscard]] bool IsMulticast() const;
  [[nodiscard]] bool IsLoopback() const;
  [[nodiscard]] bool IsUnspecified() const;
  // The bytes as the kernel's messages carry them: 4 for IPv4, 16 for IPv6.
  [[nodiscard]] const uint8_t* data() const;
  [[nodiscard]] int size() const { return IsV4() ? 4 : 16; }
  [[nodiscard]] const std::array<uint8_t, 16>& mapped() const { return bytes_; }

  auto operator<=>(const IpAddress&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return H::combine(std::move(h), a.bytes_);
  }

 private:
  std::array<uint8_t, 16> bytes_{};
};

// Address with prefix length ("198.51.100.1/24"). Host bits are kept: it is an interface address
// as well as a prefix; Network() clears them. `length` counts in the address's own family.
struct IpPrefix {
  IpAddress address;
  int length = 0;

  // Without "/N" the length is the whole address (32 or 128).
  static absl::StatusOr<IpPrefix> Parse(absl::string_view text);
  [[nodiscard]] std::string ToString() const;
  [[nodiscard]] IpPrefix Network() const;
  // The last address of an IPv4 subnet; "::" where there is none: IPv6, and a subnet of two or one
  // (RFC 3021).
  [[nodiscard]] IpAddress Broadcast() const;
  [[nodiscard]] bool Contains(const IpAddress& other) const;

  auto operator<=>(const IpPrefix&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const IpPrefix& p) {
    return H::combine(std::move(h), p.address, p.length);
  }
};

// Key of a managed address: link-local ones are told apart by their home's interface (the scope),
// all others have scope kNone.
struct AddressKey {
  IpAddress address;
  IfIndex scope = IfIndex::kNone;

  auto operator<=>(const AddressKey&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const AddressKey& k) {
    return H::combine(std::move(h), k.address, k.scope);
  }
};

}  // namespace stronghost
