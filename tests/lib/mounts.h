// Mount points of this machine, from /proc/self/mountinfo.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace stronghost::lab {

// Where a file system of this type is mounted (the last such line, which lies on top). NotFound if
// nowhere.
absl::StatusOr<std::string> FindMount(absl::string_view filesystem_type);

}  // namespace stronghost::lab
