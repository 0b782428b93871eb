// What the kernel tells about loaded BPF objects: enough to name a stranger's program, and to prove
// that a program is ours.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace stronghost {

struct ProgramInfo {
  uint32_t id = 0;
  std::string name;               // at most 15 characters; may be empty
  std::vector<uint32_t> map_ids;  // maps that the program uses
};

// NOT_FOUND when the program is gone.
absl::StatusOr<ProgramInfo> DescribeProgram(uint32_t id);

absl::StatusOr<uint32_t> ProgramId(int program_fd);
absl::StatusOr<uint32_t> MapId(int map_fd);

// "'name' (id 17)", or "(id 17)" when its name is not known.
std::string ShowProgram(uint32_t id);

}  // namespace stronghost
