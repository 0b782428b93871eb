#include "agent/datapath/reply_hooks.h"

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

struct ReplyHook {
  const char* pin;
  bpf_attach_type type;
  int ReplyPrograms::*program_fd;
};

// The note first: an answer can only come behind a question.
constexpr std::array kHooks = {
    ReplyHook{"reply-note", BPF_SK_LOOKUP, &ReplyPrograms::note_asked_fd},
    ReplyHook{"reply-sendmsg4", BPF_CGROUP_UDP4_SENDMSG, &ReplyPrograms::reply_from4_fd},
    ReplyHook{"reply-sendmsg6", BPF_CGROUP_UDP6_SENDMSG, &ReplyPrograms::reply_from6_fd},
    ReplyHook{"reply-connect4", BPF_CGROUP_INET4_CONNECT, &ReplyPrograms::connect_from4_fd},
    ReplyHook{"reply-connect6", BPF_CGROUP_INET6_CONNECT, &ReplyPrograms::connect_from6_fd},
};

// The pinned link of a hook; an invalid descriptor when there is none.
absl::StatusOr<UniqueFd> PinnedLinkOf(const PinFolder& folder, const ReplyHook& hook) {
  UniqueFd link(bpf_obj_get(folder.LinkPath(hook.pin).c_str()));
  if (!link.valid() && errno != ENOENT) {
    return ErrnoError(errno, absl::StrCat("open ", folder.name(), "/links/", hook.pin));
  }
  return link;
}

absl::Status Remove(const PinFolder& folder, const ReplyHook& hook) {
  ASSIGN_OR_RETURN(const UniqueFd link, PinnedLinkOf(folder, hook));
  if (!link.valid()) {
    return absl::OkStatus();
  }
  // Fails on a link whose target is gone, which is what is wanted.
  static_cast<void>(bpf_link_detach(link.get()));
  return folder.ForgetLink(hook.pin);
}

// What hooks are on: a network namespace or a group. Both are numbered by their inodes.
struct Target {
  std::string shown;
  UniqueFd fd;
  uint64_t inode = 0;
};

absl::StatusOr<Target> OpenTarget(const std::string& path, std::string shown) {
  Target target{.shown = std::move(shown),
                .fd = UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC))};
  struct stat file {};
  if (!target.fd.valid() || fstat(target.fd.get(), &file) != 0) {
    return ErrnoError(errno, absl::StrCat("open ", target.shown));
  }
  target.inode = file.st_ino;
  return target;
}

bool IsOn(const UniqueFd& link, const Target& target, bool namespace_link) {
  bpf_link_info info{};
  uint32_t length = sizeof(info);
  return bpf_obj_get_info_by_fd(link.get(), &info, &length) == 0 &&
         (namespace_link ? info.netns.netns_ino : info.cgroup.cgroup_id) == target.inode;
}

absl::Status Place(const PinFolder& folder, const ReplyHook& hook, int program_fd,
                   const Target& target) {
  const LibbpfLog log;
  ASSIGN_OR_RETURN(const UniqueFd old, PinnedLinkOf(folder, hook));
  if (old.valid()) {
    if (IsOn(old, target, hook.type == BPF_SK_LOOKUP)) {
      if (bpf_link_update(old.get(), program_fd, nullptr) != 0) {
        return log.Error(errno, absl::StrCat("replace ", hook.pin, " of ", target.shown));
      }
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(Remove(folder, hook));
  }
  const UniqueFd link(bpf_link_create(program_fd, target.fd.get(), hook.type, nullptr));
  if (!link.valid()) {
    return log.Error(errno, absl::StrCat("attach ", hook.pin, " to ", target.shown));
  }
  if (bpf_obj_pin(link.get(), folder.LinkPath(hook.pin).c_str()) != 0) {
    return ErrnoError(errno, absl::StrCat("pin ", folder.name(), "/links/", hook.pin));
  }
  return absl::OkStatus();
}

absl::Status PlaceAll(const PinFolder& folder, const Target& here, const Target& group,
                      const ReplyPrograms& programs) {
  for (const ReplyHook& hook : kHooks) {
    RETURN_IF_ERROR(
        Place(folder, hook, programs.*hook.program_fd, hook.type == BPF_SK_LOOKUP ? here : group));
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
    if (words.size() > 4 && words[3] == "/" && words.end() - dash > 1 && *(dash + 1) == "cgroup2") {
      return words[4];
    }
  }
  return absl::NotFoundError(
      "no cgroup2 file system is mounted; mount one (mount -t cgroup2 none /sys/fs/cgroup), or "
      "name a group of it with 'cgroup'");
}

absl::Status AttachReplySource(const PinFolder& folder, const std::string& cgroup,
                               const ReplyPrograms& programs) {
  ASSIGN_OR_RETURN(const Target here,
                   OpenTarget("/proc/thread-self/ns/net", "the network namespace"));
  ASSIGN_OR_RETURN(const Target group, OpenTarget(cgroup, absl::StrCat("the cgroup ", cgroup)));
  absl::Status status = PlaceAll(folder, here, group, programs);
  if (!status.ok()) {
    static_cast<void>(DetachReplySource(folder));  // ignoring: the first error is the one to tell
  }
  return status;
}

absl::Status DetachReplySource(const PinFolder& folder) {
  absl::Status status;
  for (const ReplyHook& hook : kHooks) {
    status.Update(Remove(folder, hook));
  }
  return status;
}

}  // namespace stronghost
