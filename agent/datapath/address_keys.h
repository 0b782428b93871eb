// The agent's addresses and prefixes as keys of the maps, and back.
#pragma once

#include "agent/base/net_types.h"
#include "maps/addresses.h"

namespace stronghost {

sh_ip ToIp(const IpAddress& address);
sh_address_key ToKey(const AddressKey& address);
AddressKey FromKey(const sh_address_key& key);

// The key of the prefix's network; its length counts in the 16-byte form (an IPv4 /24 is 120).
sh_prefix_key ToKey(const IpPrefix& prefix);
IpPrefix FromKey(const sh_prefix_key& key);

}  // namespace stronghost
