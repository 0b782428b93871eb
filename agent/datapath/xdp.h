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

// Puts guard on the NIC in the mode asked for ("auto" is off: docs/drivers.md says why), or takes
// it off, and tells sh_nics in the right order. What runs in that mode already is replaced in
// place. A mode that the driver refuses and another's XDP program both end in kOff and a note:
// deliver guards then.
absl::StatusOr<XdpKind> AttachGuard(const PinFolder& folder, const NicRequest& nic, int guard_fd,
                                    NicMap* nics, std::vector<std::string>* notes);

absl::Status DetachGuard(const PinFolder& folder, IfIndex link, NicMap* nics);

}  // namespace stronghost
