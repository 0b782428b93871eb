#include "agent/base/kernel_release.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace stronghost {
namespace {

constexpr KernelVersion kUnknown = {0, 0};
constexpr KernelVersion kCompareAndSwap = {5, 12};  // BPF_CMPXCHG

}  // namespace

KernelVersion KernelVersionOf(absl::string_view release) {
  const std::vector<absl::string_view> parts = absl::StrSplit(release, absl::ByAnyChar(".-"));
  KernelVersion version;
  if (parts.size() < 2 || !absl::SimpleAtoi(parts[0], &version.first) ||
      !absl::SimpleAtoi(parts[1], &version.second)) {
    return kUnknown;
  }
  return version;
}

absl::Status CheckKernelRelease(absl::string_view release) {
  const KernelVersion version = KernelVersionOf(release);
  if (version == kUnknown || version >= kOldestKernel) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "Linux ", release, " is too old: ",
      version < kCompareAndSwap ? "it has no compare-and-swap in BPF, which came with 5.12"
                                : "nothing before 6.1 was tried",
      "; use Linux 6.1 or later"));
}

}  // namespace stronghost
