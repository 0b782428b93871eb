// guard as an XDP link, where the NIC allows it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/datapath/nic_map.h"
#include "agent/datapath/pin_folder.h"
#include "agent/datapath/report.h"

namespace stronghost {

// Drivers on which "auto" means native: attaching was seen to neither flap the link nor lose a
// packet. On all others guarding is left to tc ingress.
bool XdpProven(const std::string& driver);

// Puts guard on the NIC in the mode asked for, or takes it off, and tells sh_nics in the right
// order. What runs in that mode already is replaced in place. A mode that the driver refuses and
// another's XDP program both end in kOff and a note: deliver guards then.
absl::StatusOr<XdpKind> AttachGuard(const PinFolder& folder, const NicRequest& nic, int guard_fd,
                                    NicMap* nics, std::vector<std::string>* notes);

absl::Status DetachGuard(const PinFolder& folder, IfIndex link, NicMap* nics);

}  // namespace stronghost
