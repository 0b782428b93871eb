#include "tests/bench/bench.h"

#include <sched.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost::bench {
namespace {

// 0 if there is no such clock.
double ReadClock(clockid_t clock) {
  timespec time{};
  return clock_gettime(clock, &time) == 0
             ? static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec)
             : 0;
}

}  // namespace

int RunBench(int argc, char** argv,
             const std::function<absl::Status(const BenchOptions& options, Report& report)>& run) {
  CLI::App app("A benchmark of Stronghost; run it as root. tests/bench/run runs all of them.");
  BenchOptions options;
  std::string out;
  app.add_flag("--quick", options.quick, "few rounds: shows that it works, not how fast it is");
  app.add_option("--rounds", options.rounds, "repetitions; 0: the program's own choice");
  app.add_option("--out", out, "file for the report; otherwise stdout");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  Report report;
  if (const absl::Status status = run(options, report); !status.ok()) {
    std::fprintf(stderr, "%s: %s\n", argv[0], Message(status).c_str());
    return 1;
  }
  const std::string text = report.ToMarkdown();
  if (out.empty()) {
    std::fputs(text.c_str(), stdout);
    return 0;
  }
  std::ofstream file(out);
  file << text;
  file.close();
  if (!file) {
    std::fprintf(stderr, "%s: cannot write %s\n", argv[0], out.c_str());
    return 1;
  }
  return 0;
}

void Progress(absl::string_view line) {
  std::fprintf(stderr, "%s\n", std::string(line).c_str());
}

absl::Status PinThisThread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  return sched_setaffinity(0, sizeof(set), &set) == 0
             ? absl::OkStatus()
             : ErrnoError(errno, absl::StrCat("bind a thread to CPU ", cpu));
}

double ThreadCpuNs() {
  return ReadClock(CLOCK_THREAD_CPUTIME_ID);
}

double CpuNsOf(pid_t pid) {
  clockid_t clock = 0;
  return pid > 0 && clock_getcpuclockid(pid, &clock) == 0 ? ReadClock(clock) : 0;
}

}  // namespace stronghost::bench
