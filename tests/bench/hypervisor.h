// The hypervisor of a guest that tests/vm/run started, as seen from inside the guest.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "agent/base/unique_fd.h"

namespace stronghost::bench {

// QEMU's monitor (QMP) on the port of the guest that tests/vm/lib/guest-run names /run/vm/qmp.
// Move-only; one at a time, and not for use from several threads.
class Hypervisor {
 public:
  static absl::StatusOr<Hypervisor> Open();

  // Plugs or pulls the cable of the NIC with this ID (tests/vm/run --nic DRIVER:ID:HUB); returns
  // when QEMU has done it. The guest's kernel hears of it a little later.
  absl::Status SetLink(absl::string_view id, bool up);

 private:
  explicit Hypervisor(UniqueFd port) : port_(std::move(port)) {}
  absl::StatusOr<std::string> Ask(absl::string_view command, absl::string_view arguments);

  UniqueFd port_;
};

}  // namespace stronghost::bench
