#pragma once

#include <ostream>

#include "absl/time/time.h"

namespace stronghost {

// Where a run of the command writes, and how.
struct CliIo {
  std::ostream& out;
  std::ostream& err;
  bool color = false;
  absl::Duration timeout = absl::Seconds(10);  // for an answer of the agent
};

// Exit statuses (the outside contract).
constexpr int kExitDone = 0;
constexpr int kExitFailed = 1;  // refused or failed: one line on `err` says why, and the mend
constexpr int kExitUsage = 2;

// The command `stronghost`, without the process around it. argv[0] is the program's name.
int RunCli(int argc, const char* const* argv, const CliIo& io);

// True if `descriptor` is a terminal that wants colours: NO_COLOR is unset or empty, TERM is not
// "dumb".
bool WantsColor(int descriptor);

}  // namespace stronghost
