// The frame of every benchmark program: options, progress, report.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tests/bench/report.h"

namespace stronghost::bench {

struct BenchOptions {
  bool quick = false;  // few rounds: does it work at all
  int rounds = 0;      // 0: as the program thinks right

  // `full` rounds, or `few` of a quick run, unless the caller said how many.
  [[nodiscard]] int Rounds(int full, int few) const {
    return rounds != 0 ? rounds : quick ? few : full;
  }
};

// Calls `run`, which fills the report, and prints it as Markdown to stdout (--out FILE: there).
// Returns the exit status: 0 even if goals are missed, 1 if something could not be measured.
int RunBench(int argc, char** argv,
             const std::function<absl::Status(const BenchOptions& options, Report& report)>& run);

// One line on stderr, so that a person sees that something goes on.
void Progress(absl::string_view line);

// Binds the calling thread to one CPU.
absl::Status PinThisThread(int cpu);

// CPU time of the calling thread, ns. Work that the kernel does in its name counts, softirqs
// included; other processes do not.
double ThreadCpuNs();

// CPU time of another process or kernel thread, ns; 0 if it can't be told.
double CpuNsOf(pid_t pid);

}  // namespace stronghost::bench
