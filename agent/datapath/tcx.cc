#include "agent/datapath/tcx.h"

#include <bpf/bpf.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/datapath/pinned_link.h"
#include "agent/datapath/program_info.h"

namespace stronghost {
namespace {

// Numbers from linux/bpf.h of 6.6, which the headers of Debian 12 do not have.
constexpr uint32_t kTcxIngress = 46;   // BPF_TCX_INGRESS
constexpr uint32_t kTcxEgress = 47;    // BPF_TCX_EGRESS
constexpr uint32_t kBefore = 1U << 3;  // BPF_F_BEFORE: without a reference, before all others
constexpr size_t kProgramsMax = 64;    // BPF_MPROG_MAX: of one hook
constexpr int kLoopback = 1;           // ifindex of lo in every network namespace

// Program ids on a hook, in the order in which they run.
absl::StatusOr<std::vector<uint32_t>> ProgramsAt(int ifindex, uint32_t attach_type) {
  std::array<uint32_t, kProgramsMax> ids{};
  uint32_t count = ids.size();
  uint32_t flags = 0;
  if (bpf_prog_query(ifindex, static_cast<bpf_attach_type>(attach_type), 0, &flags, ids.data(),
                     &count) != 0) {
    if (errno == ENOENT) {
      return std::vector<uint32_t>();
    }
    return ErrnoError(errno, absl::StrCat("list the tcx programs of interface ", ifindex));
  }
  return std::vector<uint32_t>(ids.begin(), ids.begin() + count);
}

absl::Status AttachOne(const PinFolder& folder, Hook hook, int program_fd) {
  hook.flags = kBefore;
  ASSIGN_OR_RETURN(const std::vector<uint32_t> there,
                   ProgramsAt(static_cast<int>(ToInt(hook.link)), hook.attach_type));
  return PlaceOnHook(folder, hook, program_fd, there);
}

absl::Status NoteStrangers(const PinFolder& folder, const Hook& hook,
                           std::vector<std::string>* notes) {
  ASSIGN_OR_RETURN(const std::vector<uint32_t> there,
                   ProgramsAt(static_cast<int>(ToInt(hook.link)), hook.attach_type));
  ASSIGN_OR_RETURN(const auto ours, FindPinnedLink(folder, hook.link, hook.pin));
  const uint32_t own_id = ours.has_value() ? ours->program_id : 0;
  const char* order = ours.has_value() ? "before ours: it may take frames from it" : "";
  for (const uint32_t id : there) {
    if (id == own_id) {
      order = "after ours";
      continue;
    }
    notes->push_back(
        absl::StrCat(hook.shown, ": program ", ShowProgram(id), " left in place, runs ", order));
  }
  return absl::OkStatus();
}

}  // namespace

bool TcxSupported() {
  return ProgramsAt(kLoopback, kTcxIngress).ok();
}

absl::Status AttachTcx(const PinFolder& folder, IfIndex link, const std::string& name,
                       const TcPrograms& programs) {
  RETURN_IF_ERROR(AttachOne(folder,
                            {.link = link,
                             .pin = NicPin::kDeliver,
                             .attach_type = kTcxIngress,
                             .shown = absl::StrCat("tcx ingress of ", name)},
                            programs.deliver_fd));
  return AttachOne(folder,
                   {.link = link,
                    .pin = NicPin::kSteer,
                    .attach_type = kTcxEgress,
                    .shown = absl::StrCat("tcx egress of ", name)},
                   programs.steer_fd);
}

absl::Status DetachTcx(const PinFolder& folder, IfIndex link) {
  const absl::Status steer = RemoveFromHook(folder, link, NicPin::kSteer);
  const absl::Status deliver = RemoveFromHook(folder, link, NicPin::kDeliver);
  return steer.ok() ? deliver : steer;
}

absl::StatusOr<std::vector<std::string>> TcxStrangers(const PinFolder& folder, IfIndex link) {
  std::vector<std::string> notes;
  RETURN_IF_ERROR(NoteStrangers(
      folder,
      {.link = link, .pin = NicPin::kDeliver, .attach_type = kTcxIngress, .shown = "tcx ingress"},
      &notes));
  RETURN_IF_ERROR(NoteStrangers(
      folder,
      {.link = link, .pin = NicPin::kSteer, .attach_type = kTcxEgress, .shown = "tcx egress"},
      &notes));
  return notes;
}

}  // namespace stronghost
