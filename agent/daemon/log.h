// The daemon's log: one line an event, to stderr, where journald adds time and unit. Only the
// daemon logs; everything below it returns a Status.
//
//   error    something asked for does not work until a person mends it
//   warning  it goes on, but a person should know (failover, conflict, foreign program)
//   info     a change of state that was asked for or expected (start, failback, reload)
//   debug    for the developers
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace stronghost {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Lines below `level` are left out. `name` is "debug", "info", "warning" or "error"; anything else
// leaves the level as it is and returns false.
bool SetLogLevel(const std::string& name);

void Log(LogLevel level, absl::string_view line);

}  // namespace stronghost
