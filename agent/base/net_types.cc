#include "agent/base/net_types.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace stronghost {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool IsHexDigit(char c) {
  return absl::ascii_isxdigit(static_cast<unsigned char>(c));
}

}  // namespace

absl::StatusOr<MacAddress> MacAddress::Parse(absl::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  MacAddress mac;
  bool good = parts.size() == mac.bytes.size();
  for (size_t i = 0; good && i < parts.size(); ++i) {
    uint32_t value = 0;
    // SimpleHexAtoi alone would take blanks and signs.
    good = parts[i].size() == 2 && std::all_of(parts[i].begin(), parts[i].end(), IsHexDigit) &&
           absl::SimpleHexAtoi(parts[i], &value);
    mac.bytes[i] = static_cast<uint8_t>(value);
  }
  if (!good) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is no MAC address; write it as 02:00:5e:10:00:01"));
  }
  return mac;
}

std::string MacAddress::ToString() const {
  return absl::StrFormat("%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3],
                         bytes[4], bytes[5]);
}

IpAddress IpAddress::V4(uint32_t network_order) {
  std::array<uint8_t, 4> raw{};
  std::memcpy(raw.data(), &network_order, raw.size());
  return FromBytes4(raw.data());
}

IpAddress IpAddress::FromBytes4(const uint8_t* bytes) {
  IpAddress ip;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), ip.bytes_.begin());
  std::copy(bytes, bytes + 4, ip.bytes_.begin() + 12);
  return ip;
}

IpAddress IpAddress::FromBytes16(const uint8_t* bytes) {
  IpAddress ip;
  std::copy(bytes, bytes + 16, ip.bytes_.begin());
  return ip;
}

absl::StatusOr<IpAddress> IpAddress::Parse(absl::string_view text) {
  const std::string copy(text);
  const bool whole = text.find('\0') == absl::string_view::npos;  // inet_pton stops at a NUL
  in_addr v4{};
  if (whole && inet_pton(AF_INET, copy.c_str(), &v4) == 1) {
    return V4(v4.s_addr);
  }
  in6_addr v6{};
  if (whole && inet_pton(AF_INET6, copy.c_str(), &v6) == 1) {
    const IpAddress ip = FromBytes16(v6.s6_addr);
    if (ip.IsV4()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", text, "' is an IPv4-mapped address; write the IPv4 address"));
    }
    return ip;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is no IP address; write it as 198.51.100.1 or 2001:db8::1"));
}

std::string IpAddress::ToString() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family(), data(), text.data(), text.size());
  return text.data();
}

bool IpAddress::IsV4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin());
}

int IpAddress::family() const {
  return IsV4() ? AF_INET : AF_INET6;
}

int IpAddress::max_length() const {
  return IsV4() ? 32 : 128;
}

bool IpAddress::IsLinkLocal() const {
  return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

bool IpAddress::IsMulticast() const {
  return IsV4() ? (bytes_[12] & 0xf0) == 0xe0 : bytes_[0] == 0xff;
}

bool IpAddress::IsLoopback() const {
  if (IsV4()) {
    return bytes_[12] == 127;
  }
  return std::all_of(bytes_.begin(), bytes_.end() - 1, [](uint8_t b) { return b == 0; }) &&
         bytes_[15] == 1;
}

bool IpAddress::IsUnspecified() const {
  return std::all_of(data(), data() + size(), [](uint8_t b) { return b == 0; });
}

const uint8_t* IpAddress::data() const {
  return IsV4() ? bytes_.data() + 12 : bytes_.data();
}

absl::StatusOr<IpPrefix> IpPrefix::Parse(absl::string_view text) {
  const size_t slash = text.find('/');
  auto address = IpAddress::Parse(text.substr(0, slash));
  if (!address.ok()) {
    return address.status();
  }
  IpPrefix prefix{*address, address->max_length()};
  if (slash != absl::string_view::npos) {
    const absl::string_view digits = text.substr(slash + 1);
    int length = 0;
    // SimpleAtoi alone would take blanks and signs.
    if (digits.find_first_not_of("0123456789") != absl::string_view::npos ||
        !absl::SimpleAtoi(digits, &length) || length > address->max_length()) {
      return absl::InvalidArgumentError(absl::StrCat("'", text, "' has no valid prefix length; ",
                                                     "it is 0 to ", address->max_length()));
    }
    prefix.length = length;
  }
  return prefix;
}

std::string IpPrefix::ToString() const {
  return absl::StrCat(address.ToString(), "/", length);
}

IpPrefix IpPrefix::Network() const {
  std::array<uint8_t, 16> bytes = address.mapped();
  const int keep = length + (128 - address.max_length());
  for (int bit = keep; bit < 128; ++bit) {
    bytes[static_cast<size_t>(bit / 8)] &= static_cast<uint8_t>(~(0x80U >> (bit % 8)));
  }
  return {IpAddress::FromBytes16(bytes.data()), length};
}

IpAddress IpPrefix::Broadcast() const {
  if (address.IsV6() || length >= 31) {
    return {};
  }
  std::array<uint8_t, 16> bytes = address.mapped();
  for (int bit = length + 96; bit < 128; ++bit) {
    bytes[static_cast<size_t>(bit / 8)] |= static_cast<uint8_t>(0x80U >> (bit % 8));
  }
  return IpAddress::FromBytes16(bytes.data());
}

bool IpPrefix::Contains(const IpAddress& other) const {
  return address.IsV4() == other.IsV4() &&
         Network().address == IpPrefix{other, length}.Network().address;
}

}  // namespace stronghost
