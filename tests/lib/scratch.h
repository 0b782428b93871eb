// Names of everything that a test makes outside its own memory: network namespaces, cgroups, pin
// folders. A name tells whose it is, so that what a killed test left behind can be found.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace stronghost::lab {

// "shlab-<pid>-<n>-<role>", never the same twice in one process.
std::string ScratchName(absl::string_view role);

// True if `name` has the form above and no process with its pid exists. Other names: false.
bool OwnerIsDead(absl::string_view name);

// Names in `folder` for which OwnerIsDead() holds. A missing folder is an empty one.
std::vector<std::string> DeadNamesIn(const std::string& folder);

}  // namespace stronghost::lab
