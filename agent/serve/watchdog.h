// What a service manager wants to hear (sd_notify(3)). Without one (NOTIFY_SOCKET not set) all of
// it does nothing and succeeds.
#pragma once

#include <systemd/sd-event.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace stronghost {

// The data path is in force and the control socket answers; `status` is one line for
// `systemctl status`.
absl::Status NotifyReady(absl::string_view status);
absl::Status NotifyStatus(absl::string_view status);
absl::Status NotifyStopping();

// Lets the loop feed the watchdog that the unit asks for (WatchdogSec=), so that a loop that hangs
// is restarted. False: none was asked for.
absl::StatusOr<bool> StartWatchdog(sd_event* loop);

}  // namespace stronghost
