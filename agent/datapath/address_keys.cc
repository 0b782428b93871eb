#include "agent/datapath/address_keys.h"

#include <algorithm>

namespace stronghost {

sh_ip ToIp(const IpAddress& address) {
  sh_ip ip{};
  std::copy(address.mapped().begin(), address.mapped().end(), ip.bytes);
  return ip;
}

sh_address_key ToKey(const AddressKey& address) {
  return {.ip = ToIp(address.address), .scope = ToInt(address.scope)};
}

AddressKey FromKey(const sh_address_key& key) {
  return {IpAddress::FromBytes16(key.ip.bytes), IfIndex{key.scope}};
}

sh_prefix_key ToKey(const IpPrefix& prefix) {
  const int skipped = 128 - prefix.address.max_length();
  return {.length = static_cast<uint32_t>(prefix.length + skipped),
          .ip = ToIp(prefix.Network().address)};
}

IpPrefix FromKey(const sh_prefix_key& key) {
  const IpAddress address = IpAddress::FromBytes16(key.ip.bytes);
  return {address, static_cast<int>(key.length) - (128 - address.max_length())};
}

sh_address ToValue(const AddressOwner& owner) {
  return {.home = ToInt(owner.home), .network = owner.network};
}

AddressOwner FromValue(const sh_address& value) {
  return {HomeIndex{value.home}, value.network};
}

sh_address ToValue(HomeIndex home) {
  return {.home = ToInt(home)};
}

}  // namespace stronghost
