// stronghostd: runs in the foreground and serves the network namespace that it is started in.
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "agent/base/status.h"
#include "agent/config/load.h"
#include "agent/daemon/daemon.h"
#include "agent/daemon/log.h"
#include "agent/serve/version.h"

namespace stronghost {
namespace {

constexpr int kExitFailed = 1;

int RunDaemon(const std::string& config_path, bool check) {
  const LoadedConfig loaded = LoadConfig(config_path);
  for (const ConfigProblem& problem : loaded.problems) {
    std::fprintf(stderr, "%s\n", problem.ToString().c_str());
  }
  if (!loaded.ok()) {
    return kExitFailed;
  }
  if (check) {
    return 0;
  }
  auto daemon = Daemon::Start(loaded, config_path);
  const absl::Status status = daemon.ok() ? (*daemon)->Run() : daemon.status();
  if (!status.ok()) {
    Log(LogLevel::kError, status.message());
    return kExitFailed;
  }
  return 0;
}

}  // namespace
}  // namespace stronghost

int main(int argc, char** argv) {
  CLI::App app(
      "The Stronghost agent: gives this host the strong host model of RFC 1122 and keeps "
      "it through the loss of a link.");
  std::string config = "/etc/stronghost/stronghost.toml";
  std::string log_level = "info";
  bool check = false;
  app.add_option("--config", config, "configuration file, see stronghost.toml(5)")
      ->capture_default_str();
  app.add_option("--log-level", log_level, "debug, info, warning or error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_flag("--check", check, "only check the configuration: exit 0 or 1");
  app.set_version_flag("--version", stronghost::Version());
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  // What libbpf and large dumps take for a moment goes back to the kernel: glibc would keep as much
  // as it once gave back.
  mallopt(M_MMAP_THRESHOLD, 64 * 1024);
  mallopt(M_TRIM_THRESHOLD, 64 * 1024);
  stronghost::SetLogLevel(log_level);
  return stronghost::RunDaemon(config, check);
}
