// Which Linux this is, and which Linux is too old.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace stronghost {

using KernelVersion = std::pair<int, int>;  // {6, 1}

// The oldest kernel that the tests were run on (docs/testing.md). What cannot do without:
// compare-and-swap in BPF (5.12); between the two none was tried.
inline constexpr KernelVersion kOldestKernel = {6, 1};

// Of a release as uname(2) has it, "6.1.0-28-amd64". {0, 0} for text that is no release.
KernelVersion KernelVersionOf(absl::string_view release);

// FailedPrecondition for a kernel older than kOldestKernel, with its name, the reason and the mend.
// A release that is not understood passes: the verifier has the last word.
absl::Status CheckKernelRelease(absl::string_view release);

}  // namespace stronghost
