#include "agent/base/status.h"

#include <cerrno>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace stronghost {

absl::Status ErrnoError(int error_number, absl::string_view what) {
  if (error_number == 0) {
    return absl::InternalError(absl::StrCat(what, ": failed without an error number"));
  }
  return absl::ErrnoToStatus(std::abs(error_number), what);
}

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) {
    return status;
  }
  return {status.code(), absl::StrCat(context, ": ", status.message())};
}

bool IsLinkLost(int error_number) {
  return error_number == ENETDOWN || error_number == ENXIO || error_number == ENODEV;
}

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

}  // namespace stronghost
