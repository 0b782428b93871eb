#include "agent/serve/watchdog.h"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost {
namespace {

absl::Status Notify(const std::string& text) {
  const int result = sd_notify(/*unset_environment=*/0, text.c_str());
  return result < 0 ? ErrnoError(result, "notify the service manager") : absl::OkStatus();
}

// A line break would start another field.
std::string OneLine(absl::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace

absl::Status NotifyReady(absl::string_view status) {
  return Notify(absl::StrCat("READY=1\nSTATUS=", OneLine(status)));
}

absl::Status NotifyStatus(absl::string_view status) {
  return Notify(absl::StrCat("STATUS=", OneLine(status)));
}

absl::Status NotifyStopping() {
  return Notify("STOPPING=1");
}

absl::StatusOr<bool> StartWatchdog(sd_event* loop) {
  const int result = sd_event_set_watchdog(loop, 1);
  if (result < 0) {
    return ErrnoError(result, "start the service watchdog");
  }
  return result > 0;
}

}  // namespace stronghost
