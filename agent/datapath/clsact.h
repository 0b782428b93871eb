// steer and deliver as filters of a clsact qdisc: the tc hooks of kernels before 6.6. A filter has
// no pin; it is ours if its program uses our pinned sh_homes, or that of a layout before, and only
// then it is replaced or removed.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "agent/base/net_types.h"
#include "agent/datapath/pin_folder.h"
#include "agent/datapath/tcx.h"

namespace stronghost {

// Puts both programs on the NIC, as the first filter of either direction (see AttachTcx for why),
// and makes the qdisc if there is none. Filters of an earlier run are replaced in one step.
// `homes_map_ids`: the kernel's ids of these maps. FAILED_PRECONDITION when an ingress qdisc of
// another kind is in the way.
absl::Status AttachClsact(const PinFolder& folder, IfIndex link, const std::string& name,
                          const TcPrograms& programs, absl::Span<const uint32_t> homes_map_ids);

// Removes our filters, and the qdisc if we made it and nobody else has filters on it. OK when the
// NIC is gone.
absl::Status DetachClsact(const PinFolder& folder, IfIndex link,
                          absl::Span<const uint32_t> homes_map_ids);

// Lines for AttachReport.notes about others' filters on the NIC.
absl::StatusOr<std::vector<std::string>> ClsactStrangers(IfIndex link,
                                                         absl::Span<const uint32_t> homes_map_ids);

}  // namespace stronghost
