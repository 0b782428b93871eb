#include "agent/datapath/carrier_watch.h"

#include <bpf/bpf.h>

#include <cerrno>
#include <memory>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/base/unique_fd.h"
#include "agent/datapath/libbpf_log.h"
#include "agent/datapath/netns_cookie.h"
#include "agent/datapath/skeleton.h"
#include "carrier.skel.h"

namespace stronghost {
namespace {

constexpr char kLink[] = "carrier";
constexpr char kStaged[] = "carrier-new";

struct Destroy {
  void operator()(carrier_bpf* skeleton) const { carrier_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<carrier_bpf, Destroy>;

absl::Status UsePinnedMaps(const PinFolder& folder, const Skeleton& skeleton) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton->obj) {
    const char* name = bpf_map__name(map);
    if (!absl::StartsWith(name, "sh_")) {
      continue;
    }
    const UniqueFd pinned(bpf_obj_get(folder.MapPath(name).c_str()));
    if (!pinned.valid()) {
      return ErrnoError(errno, absl::StrCat("open pinned map ", folder.name(), "/", name));
    }
    if (const int failed = bpf_map__reuse_fd(map, pinned.get()); failed != 0) {
      return ErrnoError(failed, absl::StrCat("use pinned map ", folder.name(), "/", name));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Skeleton> Load(const PinFolder& folder) {
  const std::optional<uint64_t> cookie = NetnsCookie();
  if (!cookie.has_value()) {
    return absl::UnimplementedError(
        "this kernel does not tell network namespaces apart; use Linux 5.14 or later");
  }
  const LibbpfLog log;
  Skeleton skeleton(carrier_bpf__open());
  if (skeleton == nullptr) {
    return log.Error(errno, "open the carrier program");
  }
  skeleton->rodata->sh_netns_cookie = *cookie;
  RETURN_IF_ERROR(UsePinnedMaps(folder, skeleton));
  const int failed = carrier_bpf__load(skeleton.get());
  if (failed == -EPERM || failed == -EACCES) {
    return absl::PermissionDeniedError(
        "the kernel refuses programs on its functions; lift its lockdown, or give CAP_BPF and "
        "CAP_PERFMON");
  }
  if (failed != 0) {
    return log.Error(failed, "load the carrier program; a kernel with BTF and ftrace takes it");
  }
  return skeleton;
}

// A tracing link has no update: the new one comes before the old one goes.
absl::Status Place(const PinFolder& folder, int program_fd) {
  RETURN_IF_ERROR(folder.ForgetLink(kStaged));  // of a start that was killed
  const LibbpfLog log;
  const UniqueFd link(bpf_link_create(program_fd, 0, BPF_TRACE_FENTRY, nullptr));
  if (!link.valid()) {
    return log.Error(
        errno, "attach to netif_carrier_off(); a kernel with CONFIG_FUNCTION_TRACER allows it");
  }
  if (bpf_obj_pin(link.get(), folder.LinkPath(kStaged).c_str()) != 0) {
    return ErrnoError(errno, absl::StrCat("pin ", folder.name(), "/links/", kStaged));
  }
  return folder.ReplaceLink(kStaged, kLink);
}

}  // namespace

absl::Status AttachCarrierWatch(const PinFolder& folder) {
  const absl::StatusOr<Skeleton> skeleton = Load(folder);
  const absl::Status status = skeleton.ok()
                                  ? Place(folder, bpf_program__fd((*skeleton)->progs.sh_carrier))
                                  : skeleton.status();
  if (!status.ok()) {
    static_cast<void>(DetachCarrierWatch(folder));  // ignoring: the first error is the one to tell
  }
  return status;
}

absl::Status DetachCarrierWatch(const PinFolder& folder) {
  absl::Status status = folder.ForgetLink(kStaged);
  status.Update(folder.ForgetLink(kLink));
  return status;
}

}  // namespace stronghost
