#include "agent/datapath/program_info.h"

#include <bpf/bpf.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/base/unique_fd.h"

namespace stronghost {
namespace {

template <typename Info>
absl::Status GetInfo(int fd, Info* info) {
  uint32_t length = sizeof(*info);
  if (bpf_obj_get_info_by_fd(fd, info, &length) != 0) {
    return ErrnoError(errno, "ask the kernel about a BPF object");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ProgramInfo> DescribeProgram(uint32_t id) {
  const UniqueFd fd(bpf_prog_get_fd_by_id(id));
  if (!fd.valid()) {
    return ErrnoError(errno, absl::StrCat("open BPF program ", id));
  }
  bpf_prog_info info{};
  RETURN_IF_ERROR(GetInfo(fd.get(), &info));
  ProgramInfo program{.id = id, .name = info.name, .map_ids = {}};
  program.map_ids.resize(info.nr_map_ids);
  bpf_prog_info again{};
  again.nr_map_ids = info.nr_map_ids;
  again.map_ids = reinterpret_cast<uintptr_t>(program.map_ids.data());
  RETURN_IF_ERROR(GetInfo(fd.get(), &again));
  return program;
}

absl::StatusOr<uint32_t> ProgramId(int program_fd) {
  bpf_prog_info info{};
  RETURN_IF_ERROR(GetInfo(program_fd, &info));
  return info.id;
}

absl::StatusOr<uint32_t> MapId(int map_fd) {
  bpf_map_info info{};
  RETURN_IF_ERROR(GetInfo(map_fd, &info));
  return info.id;
}

std::string ShowProgram(uint32_t id) {
  const absl::StatusOr<ProgramInfo> program = DescribeProgram(id);
  if (!program.ok() || program->name.empty()) {
    return absl::StrCat("(id ", id, ")");
  }
  return absl::StrCat("'", program->name, "' (id ", id, ")");
}

}  // namespace stronghost
