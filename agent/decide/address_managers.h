// Programs that take the addresses of a NIC away with its carrier, and what makes them keep them
// (docs/architecture.md, "Other address managers").
#pragma once

#include <array>

#include "absl/strings/string_view.h"

namespace stronghost {

struct AddressManager {
  absl::string_view name;     // as RunningManagers() has it
  absl::string_view setting;  // with the place where it belongs
};

constexpr std::array kAddressManagers = {
    AddressManager{"systemd-networkd",
                   "IgnoreCarrierLoss=yes and ConfigureWithoutCarrier=yes in [Network] of each "
                   "member's .network file"},
    AddressManager{"NetworkManager",
                   "ignore-carrier=yes for each member, in a [device-...] section with "
                   "match-device, NetworkManager.conf(5)"},
};

}  // namespace stronghost
