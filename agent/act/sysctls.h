// Kernel knobs under /proc/sys/net, which show the network namespace of the calling thread.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/act/state_file.h"
#include "agent/decide/desired.h"

namespace stronghost {

// Paths are relative to /proc/sys/net: "ipv4/conf/eth0/arp_announce". A NIC's name is one
// component of it as it is: the dots of eth0.100 need no escaping (unlike in sysctl(8)).
// Components that are empty, "." or ".." are refused as kInvalidArgument.

// Path of a knob of one NIC; `family` is "ipv4" or "ipv6". Refuses a NIC name with '/' in it.
absl::StatusOr<std::string> NicSysctlPath(absl::string_view family, absl::string_view nic,
                                          absl::string_view knob);

// The value without the newline at its end. kNotFound: this kernel has no such knob, or there is
// no such NIC; anything else is a failure.
absl::StatusOr<std::string> ReadSysctl(const std::string& path);

// Sets a knob. Errors as above; the kernel may refuse the value (kInvalidArgument).
absl::Status WriteSysctl(const Sysctl& sysctl);

// What came of a batch.
struct SysctlReport {
  std::vector<std::string> changed;    // paths
  std::vector<std::string> missing;    // knobs that this kernel lacks
  std::vector<absl::Status> failures;  // each names its knob
};

// Makes the knobs what `desired` says, writing only those that differ. Before the first change
// the originals are in `state` and on disk; if they can't be saved nothing is changed and the
// error returned. One knob's failure doesn't stop the others.
absl::StatusOr<SysctlReport> ApplySysctls(const std::vector<Sysctl>& desired, StateFile& state);

// Gives every recorded knob that `keep` doesn't name its original value back, and forgets it;
// those of a NIC that is gone are forgotten as well, those that fail stay recorded.
absl::StatusOr<SysctlReport> RestoreSysctls(const std::vector<Sysctl>& keep, StateFile& state);

}  // namespace stronghost
