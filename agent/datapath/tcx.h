// steer and deliver as tcx links (Linux 6.6).
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "agent/datapath/pin_folder.h"

namespace stronghost {

// Whether the running kernel has tcx, by asking it.
bool TcxSupported();

// The two directions of a NIC's tc hooks and the program that belongs on each.
struct TcPrograms {
  int steer_fd = -1;    // egress
  int deliver_fd = -1;  // ingress
};

// Both programs go first in the NIC's chain, at ingress and at egress:
// - the mark that a redirected frame bears must be taken before anybody else sees it;
// - a program before ours may end the chain (TCX_PASS, TCX_DROP, a redirect), and then a frame
//   would leave by a dead wire, or an ARP request be answered by two NICs;
// - ours end with TCX_NEXT, so those after them run as ever. At egress the first place means that
//   the source is judged as the stack sent it, before another program could translate it.
// Programs that are appended later, the default, stay behind ours.
absl::Status AttachTcx(const PinFolder& folder, IfIndex link, const std::string& name,
                       const TcPrograms& programs);
absl::Status DetachTcx(const PinFolder& folder, IfIndex link);

// Lines for AttachReport.notes about other programs on the NIC's tcx hooks.
absl::StatusOr<std::vector<std::string>> TcxStrangers(const PinFolder& folder, IfIndex link);

}  // namespace stronghost
