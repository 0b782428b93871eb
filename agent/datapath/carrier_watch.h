// The program that runs when a driver says that its cable is dead (bpf/carrier.bpf.c): it flips the
// wires of that NIC without waiting for traffic or for the agent. Its link is pinned as
// links/carrier, so it outlives the daemon.
#pragma once

#include "absl/status/status.h"
#include "agent/datapath/pin_folder.h"

namespace stronghost {

// Loads it on the maps that are pinned in the folder, for the network namespace of the calling
// thread, and attaches it in place of what an earlier run left: for a moment both are there, and
// the second finds the flip made. After an error nothing of ours is attached; it names the mend.
// PERMISSION_DENIED: the kernel lets nobody, or not this process, attach to its functions.
absl::Status AttachCarrierWatch(const PinFolder& folder);

// OK when there is nothing.
absl::Status DetachCarrierWatch(const PinFolder& folder);

}  // namespace stronghost
