// The agent's addresses and prefixes as keys of the maps, their owners as values, and back.
#pragma once

#include "agent/base/net_types.h"
#include "agent/decide/desired.h"
#include "maps/addresses.h"

namespace stronghost {

sh_ip ToIp(const IpAddress& address);
sh_address_key ToKey(const AddressKey& address);
AddressKey FromKey(const sh_address_key& key);

// The key of the prefix's network; its length counts in the 16-byte form (an IPv4 /24 is 120).
sh_prefix_key ToKey(const IpPrefix& prefix);
IpPrefix FromKey(const sh_prefix_key& key);

sh_address ToValue(const AddressOwner& owner);
AddressOwner FromValue(const sh_address& value);
// Of a prefix.
sh_address ToValue(HomeIndex home);

}  // namespace stronghost
