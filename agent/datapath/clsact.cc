#include "agent/datapath/clsact.h"

#include <bpf/libbpf.h>
#include <linux/if_ether.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/base/status.h"
#include "agent/datapath/libbpf_log.h"
#include "agent/datapath/program_info.h"
#include "agent/datapath/tc_dump.h"

namespace stronghost {
namespace {

// Handle of our filters ("SH"): bpf filters of others may share our priority.
constexpr uint32_t kHandle = 0x5348;

bpf_tc_hook HookOf(IfIndex link, int attach_point) {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(ToInt(link));
  hook.attach_point = static_cast<bpf_tc_attach_point>(attach_point);
  return hook;
}

int PointOf(TcDirection direction) {
  return direction == TcDirection::kIngress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

const char* Show(TcDirection direction) {
  return direction == TcDirection::kIngress ? "tc ingress" : "tc egress";
}

// Not to know is an error: a filter of ours that is taken for a stranger's stays for ever.
absl::StatusOr<bool> IsOurs(const TcFilter& filter, absl::Span<const uint32_t> homes_map_ids) {
  if (filter.program_id == 0) {
    return false;
  }
  const absl::StatusOr<ProgramInfo> program = DescribeProgram(filter.program_id);
  if (absl::IsNotFound(program.status())) {
    return false;
  }
  RETURN_IF_ERROR(Annotate(program.status(), "tell our tc filters from others' (CAP_SYS_ADMIN)"));
  return std::find_first_of(program->map_ids.begin(), program->map_ids.end(), homes_map_ids.begin(),
                            homes_map_ids.end()) != program->map_ids.end();
}

// The first priority at which a bpf filter of our handle can be added. One priority holds filters
// of one kind and protocol only.
uint32_t FirstPriority(const std::vector<TcFilter>& filters) {
  uint32_t priority = 1;
  const auto taken = [&](const TcFilter& filter) {
    return filter.priority == priority &&
           (filter.chain != 0 || filter.kind != "bpf" || filter.protocol != ETH_P_ALL ||
            filter.handle == kHandle);
  };
  while (std::any_of(filters.begin(), filters.end(), taken)) {
    ++priority;
  }
  return priority;
}

absl::Status AttachOne(IfIndex link, const std::string& name, TcDirection direction, int program_fd,
                       absl::Span<const uint32_t> homes_map_ids) {
  ASSIGN_OR_RETURN(const std::vector<TcFilter> filters, ListFilters(link, direction));
  const TcFilter* old = nullptr;
  for (const TcFilter& filter : filters) {
    ASSIGN_OR_RETURN(const bool ours, IsOurs(filter, homes_map_ids));
    if (ours) {
      old = &filter;
      break;
    }
  }
  const bool replace = old != nullptr;
  const bpf_tc_hook hook = HookOf(link, PointOf(direction));
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.prog_fd = program_fd;
  options.flags = replace ? BPF_TC_F_REPLACE : 0;
  options.handle = replace ? old->handle : kHandle;
  options.priority = replace ? old->priority : FirstPriority(filters);
  const LibbpfLog log;
  if (const int failed = bpf_tc_attach(&hook, &options); failed != 0) {
    return log.Error(failed, absl::StrCat("attach to ", Show(direction), " of ", name));
  }
  return absl::OkStatus();
}

absl::Status MakeQdisc(const PinFolder& folder, IfIndex link, const std::string& name) {
  ASSIGN_OR_RETURN(const std::string kind, IngressQdisc(link));
  if (kind == "clsact") {
    return absl::OkStatus();
  }
  if (!kind.empty()) {
    // It has the same handle, and takes egress filters for ingress ones.
    return absl::FailedPreconditionError(absl::StrCat(
        name, " has an ", kind, " qdisc of somebody else, and can't have clsact beside it; remove ",
        "it (tc qdisc del dev ", name, " ", kind, ") or use a kernel with tcx (6.6)"));
  }
  bpf_tc_hook hook = HookOf(link, BPF_TC_INGRESS | BPF_TC_EGRESS);
  const LibbpfLog log;
  const int failed = bpf_tc_hook_create(&hook);
  if (failed == -EEXIST) {  // somebody was quicker: it is theirs
    return absl::OkStatus();
  }
  if (failed != 0) {
    return log.Error(failed, absl::StrCat("add a clsact qdisc to ", name));
  }
  return folder.Remember(link, NicPin::kQdisc);
}

absl::Status DetachOne(IfIndex link, TcDirection direction,
                       absl::Span<const uint32_t> homes_map_ids, size_t* others) {
  ASSIGN_OR_RETURN(const std::vector<TcFilter> filters, ListFilters(link, direction));
  for (const TcFilter& filter : filters) {
    ASSIGN_OR_RETURN(const bool ours, IsOurs(filter, homes_map_ids));
    if (!ours) {
      ++*others;
      continue;
    }
    const bpf_tc_hook hook = HookOf(link, PointOf(direction));
    bpf_tc_opts options{};
    options.sz = sizeof(options);
    options.handle = filter.handle;
    options.priority = filter.priority;
    const LibbpfLog log;
    if (const int failed = bpf_tc_detach(&hook, &options); failed != 0 && failed != -ENOENT) {
      return log.Error(failed, absl::StrCat("remove our filter from ", Show(direction),
                                            " of interface ", ToInt(link)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AttachClsact(const PinFolder& folder, IfIndex link, const std::string& name,
                          const TcPrograms& programs, absl::Span<const uint32_t> homes_map_ids) {
  RETURN_IF_ERROR(folder.Remember(link, NicPin::kClsact));
  RETURN_IF_ERROR(MakeQdisc(folder, link, name));
  RETURN_IF_ERROR(AttachOne(link, name, TcDirection::kIngress, programs.deliver_fd, homes_map_ids));
  return AttachOne(link, name, TcDirection::kEgress, programs.steer_fd, homes_map_ids);
}

absl::Status DetachClsact(const PinFolder& folder, IfIndex link,
                          absl::Span<const uint32_t> homes_map_ids) {
  if (!folder.Has(link, NicPin::kClsact)) {
    return absl::OkStatus();
  }
  size_t others = 0;
  RETURN_IF_ERROR(DetachOne(link, TcDirection::kIngress, homes_map_ids, &others));
  RETURN_IF_ERROR(DetachOne(link, TcDirection::kEgress, homes_map_ids, &others));
  if (others == 0 && folder.Has(link, NicPin::kQdisc)) {
    ASSIGN_OR_RETURN(const std::string kind, IngressQdisc(link));
    bpf_tc_hook hook = HookOf(link, BPF_TC_INGRESS | BPF_TC_EGRESS);
    const LibbpfLog log;
    if (const int failed = kind == "clsact" ? bpf_tc_hook_destroy(&hook) : 0; failed != 0) {
      return log.Error(failed,
                       absl::StrCat("remove our clsact qdisc from interface ", ToInt(link)));
    }
  }
  RETURN_IF_ERROR(folder.Forget(link, NicPin::kQdisc));
  return folder.Forget(link, NicPin::kClsact);
}

absl::StatusOr<std::vector<std::string>> ClsactStrangers(IfIndex link,
                                                         absl::Span<const uint32_t> homes_map_ids) {
  std::vector<std::string> notes;
  for (const TcDirection direction : {TcDirection::kIngress, TcDirection::kEgress}) {
    ASSIGN_OR_RETURN(const std::vector<TcFilter> filters, ListFilters(link, direction));
    for (const TcFilter& filter : filters) {
      if (IsOurs(filter, homes_map_ids).value_or(false)) {
        continue;
      }
      const std::string what =
          filter.program_id == 0
              ? absl::StrCat(filter.kind, " filter")
              : absl::StrCat(filter.kind, " filter with program ", ShowProgram(filter.program_id));
      std::string note = absl::StrFormat("%s: %s at priority %u left in place", Show(direction),
                                         what, filter.priority);
      // A u32 filter is listed with its hash tables.
      if (notes.empty() || notes.back() != note) {
        notes.push_back(std::move(note));
      }
    }
  }
  return notes;
}

}  // namespace stronghost
