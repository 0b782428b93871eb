#include "agent/datapath/cgroup_hooks.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/base/status.h"
#include "agent/base/unique_fd.h"
#include "agent/datapath/libbpf_log.h"

namespace stronghost {
namespace {

struct CgroupHook {
  const char* pin;
  bpf_attach_type type;
  int CgroupPrograms::*program_fd;
};

// The note first: an answer can only come behind a question.
constexpr std::array kHooks = {
    CgroupHook{"note", BPF_CGROUP_INET_INGRESS, &CgroupPrograms::note_asked_fd},
    CgroupHook{"sendmsg4", BPF_CGROUP_UDP4_SENDMSG, &CgroupPrograms::reply_from4_fd},
    CgroupHook{"sendmsg6", BPF_CGROUP_UDP6_SENDMSG, &CgroupPrograms::reply_from6_fd},
    CgroupHook{"connect4", BPF_CGROUP_INET4_CONNECT, &CgroupPrograms::connect_from4_fd},
    CgroupHook{"connect6", BPF_CGROUP_INET6_CONNECT, &CgroupPrograms::connect_from6_fd},
};

// The pinned link of a hook; an invalid descriptor when there is none.
absl::StatusOr<UniqueFd> PinnedLinkOf(const PinFolder& folder, const CgroupHook& hook) {
  UniqueFd link(bpf_obj_get(folder.CgroupPath(hook.pin).c_str()));
  if (!link.valid() && errno != ENOENT) {
    return ErrnoError(errno, absl::StrCat("open ", folder.name(), "/links/cgroup-", hook.pin));
  }
  return link;
}

absl::Status Remove(const PinFolder& folder, const CgroupHook& hook) {
  ASSIGN_OR_RETURN(const UniqueFd link, PinnedLinkOf(folder, hook));
  if (!link.valid()) {
    return absl::OkStatus();
  }
  // Fails on a link whose group is gone, which is what is wanted.
  static_cast<void>(bpf_link_detach(link.get()));
  return folder.ForgetCgroup(hook.pin);
}

absl::Status Place(const PinFolder& folder, const CgroupHook& hook, int program_fd,
                   const std::string& cgroup, int cgroup_fd, uint64_t cgroup_id) {
  const LibbpfLog log;
  ASSIGN_OR_RETURN(const UniqueFd old, PinnedLinkOf(folder, hook));
  if (old.valid()) {
    bpf_link_info info{};
    uint32_t length = sizeof(info);
    if (bpf_obj_get_info_by_fd(old.get(), &info, &length) == 0 &&
        info.cgroup.cgroup_id == cgroup_id) {
      if (bpf_link_update(old.get(), program_fd, nullptr) != 0) {
        return log.Error(errno, absl::StrCat("replace ", hook.pin, " of the cgroup ", cgroup));
      }
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(Remove(folder, hook));
  }
  const UniqueFd link(bpf_link_create(program_fd, cgroup_fd, hook.type, nullptr));
  if (!link.valid()) {
    return log.Error(errno, absl::StrCat("attach ", hook.pin, " to the cgroup ", cgroup));
  }
  if (bpf_obj_pin(link.get(), folder.CgroupPath(hook.pin).c_str()) != 0) {
    return ErrnoError(errno, absl::StrCat("pin ", folder.name(), "/links/cgroup-", hook.pin));
  }
  return absl::OkStatus();
}

absl::Status PlaceAll(const PinFolder& folder, const std::string& cgroup,
                      const CgroupPrograms& programs) {
  const UniqueFd fd(open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat folder_stat {};
  if (!fd.valid() || fstat(fd.get(), &folder_stat) != 0) {
    return ErrnoError(errno, absl::StrCat("open the cgroup ", cgroup,
                                          "; name one of the cgroup2 file system, or \"auto\""));
  }
  for (const CgroupHook& hook : kHooks) {
    // The kernel numbers groups by their inodes.
    RETURN_IF_ERROR(
        Place(folder, hook, programs.*hook.program_fd, cgroup, fd.get(), folder_stat.st_ino));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> CgroupRoot() {
  std::ifstream lines("/proc/self/mountinfo");
  // proc(5): "id parent major:minor root mount-point options [optional...] - type source options".
  for (std::string line; std::getline(lines, line);) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    const auto dash = std::find(words.begin(), words.end(), "-");
    if (words.size() > 4 && words.end() - dash > 1 && *(dash + 1) == "cgroup2") {
      return words[4];
    }
  }
  return absl::NotFoundError(
      "no cgroup2 file system is mounted; mount one (mount -t cgroup2 none /sys/fs/cgroup), or "
      "name a group of it with 'cgroup'");
}

absl::Status AttachToCgroup(const PinFolder& folder, const std::string& cgroup,
                            const CgroupPrograms& programs) {
  absl::Status status = PlaceAll(folder, cgroup, programs);
  if (!status.ok()) {
    static_cast<void>(DetachFromCgroup(folder));  // ignoring: the first error is the one to tell
  }
  return status;
}

absl::Status DetachFromCgroup(const PinFolder& folder) {
  absl::Status status;
  for (auto hook = kHooks.rbegin(); hook != kHooks.rend(); ++hook) {
    status.Update(Remove(folder, *hook));
  }
  return status;
}

}  // namespace stronghost
