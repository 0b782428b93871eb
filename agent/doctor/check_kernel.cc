#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/base/kernel_release.h"
#include "agent/base/status.h"
#include "agent/doctor/check.h"

namespace stronghost {
namespace {

constexpr KernelVersion kTcx = {6, 6};

void CheckRelease(const DoctorFacts& facts, std::vector<Check>& checks) {
  const KernelVersion version = KernelVersionOf(facts.kernel_release);
  const absl::Status old = CheckKernelRelease(facts.kernel_release);
  if (version == KernelVersion{0, 0}) {
    checks.push_back({"kernel", CheckStatus::kWarn,
                      absl::StrCat("release '", facts.kernel_release, "' is not understood"), ""});
  } else if (!old.ok()) {
    checks.push_back(FromMessage("kernel", CheckStatus::kFail, Message(old)));
  } else {
    checks.push_back(
        {"kernel", CheckStatus::kOk, absl::StrCat("Linux ", facts.kernel_release), ""});
  }
  // With an agent, the NICs say what is in use.
  if (!facts.status.has_value()) {
    checks.push_back({"tc", CheckStatus::kOk,
                      version >= kTcx ? "tcx, by the kernel's version (6.6 and later)"
                                      : "clsact, by the kernel's version (tcx came with 6.6)",
                      ""});
  }
}

// As in packaging/stronghostd.service.in.
struct Capability {
  int number;
  absl::string_view name;
};
constexpr std::array kCapabilities = {
    Capability{12, "CAP_NET_ADMIN"}, Capability{13, "CAP_NET_RAW"},   Capability{39, "CAP_BPF"},
    Capability{38, "CAP_PERFMON"},   Capability{21, "CAP_SYS_ADMIN"},
};

void CheckCapabilities(const DoctorFacts& facts, std::vector<Check>& checks) {
  if (!facts.capability_bounds.has_value()) {
    checks.push_back(
        {"capabilities", CheckStatus::kWarn, "/proc/self/status could not be read", ""});
    return;
  }
  std::vector<absl::string_view> missing;
  for (const Capability& capability : kCapabilities) {
    if ((*facts.capability_bounds >> capability.number & 1) == 0) {
      missing.push_back(capability.name);
    }
  }
  if (missing.empty()) {
    checks.push_back({"capabilities", CheckStatus::kOk,
                      "nothing keeps a daemon that is started here from the capabilities that it "
                      "needs",
                      ""});
  } else {
    checks.push_back(
        {"capabilities", CheckStatus::kFail,
         absl::StrCat("a daemon that is started here can't have ", absl::StrJoin(missing, ", ")),
         "add them to the container or unit"});
  }
}

}  // namespace

void CheckKernel(const DoctorFacts& facts, std::vector<Check>& checks) {
  CheckRelease(facts, checks);
  checks.push_back(
      facts.btf ? Check{"btf", CheckStatus::kOk, "the kernel tells its types", ""}
                : Check{"btf", CheckStatus::kFail,
                        "the kernel has no BTF (/sys/kernel/btf/vmlinux), without which the "
                        "programs are not loaded",
                        "use a kernel with CONFIG_DEBUG_INFO_BTF, as distributions have it"});
  checks.push_back(facts.pins_on_bpffs
                       ? Check{"bpffs", CheckStatus::kOk, "pin_dir lies on a bpf file system", ""}
                       : Check{"bpffs", CheckStatus::kWarn,
                               "pin_dir lies on no bpf file system that is seen from here",
                               "mount -t bpf bpf /sys/fs/bpf (stronghostd does that by itself "
                               "there, and nowhere else)"});
  const bool wanted = !facts.config.has_value() || !facts.config->cgroup.empty();
  if (wanted) {
    checks.push_back(
        facts.cgroup2
            ? Check{"cgroup2", CheckStatus::kOk, "mounted: servers answer from the address asked",
                    ""}
            : Check{"cgroup2", CheckStatus::kWarn,
                    "no cgroup2 file system is mounted: UDP servers without an address of their "
                    "own answer from the address that routing chooses",
                    "mount -t cgroup2 none /sys/fs/cgroup"});
  }
  CheckCapabilities(facts, checks);
}

}  // namespace stronghost
