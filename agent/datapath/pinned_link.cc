#include "agent/datapath/pinned_link.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/datapath/libbpf_log.h"

namespace stronghost {

absl::StatusOr<std::optional<PinnedLink>> FindPinnedLink(const PinFolder& folder, IfIndex link,
                                                         NicPin pin) {
  const std::string path = folder.NicPath(link, pin);
  PinnedLink found{.fd = UniqueFd(bpf_obj_get(path.c_str()))};
  if (!found.fd.valid()) {
    if (errno == ENOENT) {
      return std::nullopt;
    }
    return ErrnoError(errno, absl::StrCat("open a pinned link of interface ", ToInt(link), " in ",
                                          folder.name()));
  }
  bpf_link_info info{};
  uint32_t length = sizeof(info);
  if (bpf_obj_get_info_by_fd(found.fd.get(), &info, &length) != 0) {
    return ErrnoError(errno, absl::StrCat("describe a pinned link in ", folder.name()));
  }
  // tcx links tell their ifindex at the same place.
  found.link = IfIndex{info.xdp.ifindex};
  found.program_id = info.prog_id;
  return found;
}

absl::Status PlaceOnHook(const PinFolder& folder, const Hook& hook, int program_fd,
                         const std::vector<uint32_t>& there) {
  const LibbpfLog log;
  ASSIGN_OR_RETURN(const std::optional<PinnedLink> old,
                   FindPinnedLink(folder, hook.link, hook.pin));
  if (old.has_value()) {
    const bool same_nic =
        old->link == hook.link && std::count(there.begin(), there.end(), old->program_id) != 0;
    if (same_nic) {
      if (bpf_link_update(old->fd.get(), program_fd, nullptr) != 0) {
        return log.Error(errno, absl::StrCat("replace the program at ", hook.shown));
      }
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(RemoveFromHook(folder, hook.link, hook.pin));
  }
  bpf_link_create_opts options{};
  options.sz = sizeof(options);
  options.flags = hook.flags;
  const UniqueFd link(bpf_link_create(program_fd, static_cast<int>(ToInt(hook.link)),
                                      static_cast<bpf_attach_type>(hook.attach_type), &options));
  if (!link.valid()) {
    return log.Error(errno, absl::StrCat("attach to ", hook.shown));
  }
  // Until it is pinned, the descriptor holds the link: a failure or death in between detaches.
  if (bpf_obj_pin(link.get(), folder.NicPath(hook.link, hook.pin).c_str()) != 0) {
    return ErrnoError(errno, absl::StrCat("pin the link at ", hook.shown, " in ", folder.name()));
  }
  return absl::OkStatus();
}

absl::Status RemoveFromHook(const PinFolder& folder, IfIndex link, NicPin pin) {
  ASSIGN_OR_RETURN(const std::optional<PinnedLink> old, FindPinnedLink(folder, link, pin));
  if (!old.has_value()) {
    return absl::OkStatus();
  }
  // Fails on a link whose NIC is gone, which is what is wanted.
  static_cast<void>(bpf_link_detach(old->fd.get()));
  return folder.Forget(link, pin);
}

}  // namespace stronghost
