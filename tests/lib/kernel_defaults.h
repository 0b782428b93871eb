// The sysctls that a lab starts from. A new network namespace copies net/ipv4/conf/{all,default}
// from the host (Documentation/networking/ip-sysctl.rst, devconf_inherit_init_net), so that a
// distribution's rp_filter would get into every test.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace stronghost::lab {

// Writes below /proc/sys for the calling thread's network namespace.
absl::Status WriteSysctlHere(const std::string& path, absl::string_view value);

// Sets what the host may have changed to the kernel's defaults, in the calling thread's namespace.
// Settings that this kernel doesn't have are skipped.
absl::Status ResetSysctls();

}  // namespace stronghost::lab
