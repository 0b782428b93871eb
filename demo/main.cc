// stronghost-demo: the lab as plain Linux, then with Stronghost, and both side by side.
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/base/status.h"
#include "agent/cli/text.h"
#include "demo/act.h"
#include "demo/footprint.h"
#include "demo/interrupt.h"
#include "demo/options.h"
#include "demo/report.h"
#include "demo/svg.h"
#include "demo/timeline.h"

namespace stronghost::demo {
namespace {

constexpr size_t kColumns = 100;

constexpr char kPicture[] = R"(
   server               switch             client
     eth0 .1 ──── p0 ┐        ┌──────────── .100
                     ├─ br0 ──┤
     eth1 .2 ──── p1 ┘        └── gateway ── far host
   198.51.100.0/24 and 2001:db8::/64, both NICs in one subnet
)";

// Colour is for people: in a terminal, unless NO_COLOR (no-color.org) says otherwise.
bool WantsColor() {
  const char* no_color = getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) != 0 && (no_color == nullptr || *no_color == '\0');
}

std::string Caption() {
  utsname system{};
  uname(&system);
  const std::vector<std::string> parts = absl::StrSplit(system.release, '.');
  const std::string release = parts.size() > 1 ? absl::StrCat(parts[0], ".", parts[1]) : "";
  return absl::StrCat("Measured by ./run-demo on Linux ", release,
                      ", in network namespaces: 1,000 packets/s in each stream, one server with "
                      "two NICs, no redundancy set up.");
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) {
    std::filesystem::create_directories(folder, error);
  }
  std::ofstream file(path);
  file << text;
  file.close();
  return file ? absl::OkStatus()
              : absl::PermissionDeniedError(absl::StrCat("write ", path,
                                                         "; name another file "
                                                         "with --svg"));
}

void Show(const std::vector<Peek>& peeks, bool color) {
  std::cout << "\n"
            << Paint("A look inside while eth1 stood in for eth0", Tone::kHeading, color) << "\n";
  for (const Peek& peek : peeks) {
    std::cout << "  # " << peek.command << "\n";
    for (const absl::string_view line : absl::StrSplit(peek.output, '\n', absl::SkipEmpty())) {
      std::cout << "  " << line << "\n";
    }
  }
}

void CloseOrKeep(bool keep, ActResult& act, const Interrupt& interrupt, bool color) {
  if (!keep) {
    std::cout << "\nTry it yourself: ./run-demo --keep leaves this lab running and prints the "
                 "commands.\n";
    return;
  }
  std::cout << "\n"
            << Paint("The lab lives on; in another root shell, try", Tone::kHeading, color) << "\n"
            << CommandsToTry(act.stage) << "\nEnter or Ctrl-C ends it." << std::endl;
  interrupt.AwaitEnter();
}

// The lab of this act is put away at once.
absl::StatusOr<HostScore> PlayPlain(const Interrupt& interrupt, bool color) {
  ASSIGN_OR_RETURN(ActResult act, Play(/*with_agent=*/false, interrupt, std::cout, color));
  return std::move(act.score);
}

absl::Status Run(const Options& options, const Interrupt& interrupt) {
  const bool color = WantsColor();
  std::cout << Paint("One server, two NICs, one subnet", Tone::kHeading, color) << kPicture;
  ASSIGN_OR_RETURN(const HostScore plain, PlayPlain(interrupt, color));
  ASSIGN_OR_RETURN(ActResult act, Play(/*with_agent=*/true, interrupt, std::cout, color));

  std::cout << "\n"
            << Paint("A cable is pulled", Tone::kHeading, color) << "\n"
            << DrawTimelines(plain.cable.picture, act.score.cable.picture, kColumns, color)
            << "  ▇ all arrived   ▁ to ▆ in part   ░ nothing\n\n"
            << Paint("Side by side", Tone::kHeading, color) << "\n"
            << DrawTable(plain, act.score, color);
  RETURN_IF_ERROR(
      WriteFile(options.svg, DrawSvg({plain.cable.picture, act.score.cable.picture}, Caption())));
  std::cout << "  as a picture: " << options.svg << "\n";
  Show(act.peeks, color);
  CloseOrKeep(options.keep, act, interrupt, color);
  return absl::OkStatus();
}

int Main(const std::vector<std::string>& args) {
  const absl::StatusOr<Options> options = ParseOptions(args);
  if (!options.ok()) {
    std::cerr << "stronghost-demo: " << Message(options.status());
    return 2;
  }
  if (options->help) {
    std::cout << kUsage;
    return 0;
  }
  if (geteuid() != 0) {
    std::cerr << "stronghost-demo makes network namespaces and loads BPF programs; run it as root"
              << std::endl;
    return 1;
  }
  if (options->keep && isatty(STDIN_FILENO) == 0) {
    std::cerr << "stronghost-demo: --keep waits for Enter: run it in a terminal" << std::endl;
    return 2;
  }
  const absl::StatusOr<Interrupt> interrupt = Interrupt::Catch();
  const Footprint footprint;
  const absl::Status status = interrupt.ok() ? Run(*options, *interrupt) : interrupt.status();
  if (absl::IsCancelled(status)) {
    std::cerr << "\nstopped; the lab is put away" << std::endl;
    return 130;
  }
  if (!status.ok()) {
    std::cerr << "stronghost-demo: " << Message(status) << std::endl;
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace stronghost::demo

int main(int argc, char** argv) {
  return stronghost::demo::Main({argv + 1, argv + argc});
}
