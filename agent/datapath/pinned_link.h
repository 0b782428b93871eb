// One BPF link, pinned in the folder: the way in which programs hang on tcx and XDP hooks. The pin
// holds the program there without the daemon, and lets the next one replace it in place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "agent/base/unique_fd.h"
#include "agent/datapath/pin_folder.h"

namespace stronghost {

// A place for one program.
struct Hook {
  IfIndex link = IfIndex::kNone;
  NicPin pin = NicPin::kSteer;
  uint32_t attach_type = 0;  // enum bpf_attach_type, or a number that libbpf has no name for
  uint32_t flags = 0;        // of BPF_LINK_CREATE
  std::string shown;         // for messages: "tcx egress of eth0"
};

struct PinnedLink {
  UniqueFd fd;
  IfIndex link = IfIndex::kNone;  // kNone: its NIC is gone
  uint32_t program_id = 0;
};

// The link pinned for a hook; nullopt when there is none.
absl::StatusOr<std::optional<PinnedLink>> FindPinnedLink(const PinFolder& folder, IfIndex link,
                                                         NicPin pin);

// Puts the program on the hook. A pinned link whose program is among `there` (the ids on the hook
// now) gets the new program in place, in one step; a pin that leads elsewhere (the NIC was made
// anew) is removed and a new link made.
absl::Status PlaceOnHook(const PinFolder& folder, const Hook& hook, int program_fd,
                         const std::vector<uint32_t>& there);

// Detaches at once, whoever else may hold the link, and removes the pin. OK when there is none.
absl::Status RemoveFromHook(const PinFolder& folder, IfIndex link, NicPin pin);

}  // namespace stronghost
