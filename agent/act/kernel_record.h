// Steps and the state file together: what the agent adds is on disk before it is in the kernel.
#pragma once

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "agent/act/kernel_apply.h"
#include "agent/act/state_file.h"

namespace stronghost {

// Records what `steps` will add (addresses, filters, link groups with their original from
// `facts`), saves, makes the steps, forgets what was deleted, given back, refused or turned out to
// be somebody else's, and saves again (ApplyReport::save_status). If the first save fails nothing
// is changed and the error returned. Addresses in DeleteAddress::keep keep the owner they had.
absl::StatusOr<ApplyReport> ApplyRecorded(NetlinkSocket& socket, absl::Span<const KernelStep> steps,
                                          const Facts& facts, StateFile& state);

// Forgets the filters and link groups of a link that is gone with them. Addresses are recorded by
// name and stay: they may come back with it.
void ForgetRecords(IfIndex link, StateFile& state);

}  // namespace stronghost
