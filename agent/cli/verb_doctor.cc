#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/cli/same_host.h"
#include "agent/cli/text.h"
#include "agent/cli/verb.h"
#include "agent/config/load.h"
#include "agent/doctor/check.h"
#include "agent/netlink/socket.h"
#include "agent/observe/driver_names.h"
#include "agent/observe/host_programs.h"
#include "agent/observe/host_state.h"
#include "agent/observe/snapshot.h"
#include "agent/serve/version.h"

namespace stronghost {
namespace {

constexpr char kConfigFile[] = "/etc/stronghost/stronghost.toml";

void ReadConfig(const std::string& file, DoctorFacts& facts) {
  std::error_code error;
  if (file.empty() && !std::filesystem::exists(kConfigFile, error)) {
    return;
  }
  LoadedConfig loaded = LoadConfig(file.empty() ? kConfigFile : file);
  if (loaded.ok()) {
    facts.config = std::move(loaded.config);
  } else {
    facts.config_problem = loaded.problems.front().ToString();
  }
}

// What an agent's status tells of its configuration.
Config ConfigOf(const StatusReport& status) {
  Config config;
  config.pin_dir = status.agent.pin_dir;
  for (const GroupReport& group : status.groups) {
    GroupConfig& entry = config.groups.emplace_back();
    entry.name = group.name;
    for (const NicReport& nic : group.nics) {
      entry.nics.push_back(nic.name);
    }
  }
  return config;
}

void AskAgent(const Session& session, DoctorFacts& facts) {
  auto status = FetchStatus(session, facts.config.has_value() ? facts.config->socket : "");
  if (!status.ok()) {
    facts.no_agent = Message(status.status());
    return;
  }
  if (!ServesThisHost(*status, facts.facts)) {
    facts.no_agent =
        "the agent at the socket serves another network namespace; run this there, or name the "
        "socket of the one here with --socket";
    return;
  }
  facts.status = *std::move(status);
  if (!facts.config.has_value() && facts.config_problem.empty()) {
    facts.config = ConfigOf(*facts.status);
  }
}

absl::StatusOr<DoctorFacts> Look(const Session& session, const std::string& file) {
  DoctorFacts facts{.version = Version()};
  ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open());
  ASSIGN_OR_RETURN(DriverNames drivers, DriverNames::Open());
  ASSIGN_OR_RETURN(facts.facts, ReadFacts(socket, drivers));
  ReadConfig(file, facts);
  AskAgent(session, facts);
  facts.kernel_release = KernelRelease();
  facts.btf = KernelHasBtf();
  facts.pins_on_bpffs = IsOnBpffs(facts.config.value_or(Config{}).pin_dir);
  facts.cgroup2 = Cgroup2IsMounted();
  facts.capability_bounds = CapabilityBounds();
  facts.sysctls = ReadSysctls(DoctorSysctls(MembersOf(facts.config.value_or(Config{}))));
  facts.sockets = SocketCounts();
  facts.managers = RunningManagers();
  return facts;
}

Tone ToneOf(CheckStatus status) {
  switch (status) {
    case CheckStatus::kOk:
      return Tone::kGood;
    case CheckStatus::kWarn:
      return Tone::kWarning;
    case CheckStatus::kFail:
      return Tone::kBad;
  }
  return Tone::kPlain;
}

std::string View(const std::vector<Check>& checks, bool color) {
  std::string text;
  for (const Check& check : checks) {
    const std::string status(NameOf(check.status));
    absl::StrAppend(&text, Paint(status, ToneOf(check.status), color),
                    std::string(6 - status.size(), ' '), check.name, ": ", Printable(check.detail),
                    "\n");
    if (!check.fix.empty()) {
      absl::StrAppend(&text, "      -> ", Printable(check.fix), "\n");
    }
  }
  return text;
}

Json ToJson(const std::vector<Check>& checks) {
  Json list = Json::array();
  for (const Check& check : checks) {
    list.push_back({{"name", check.name},
                    {"status", std::string(NameOf(check.status))},
                    {"detail", check.detail},
                    {"fix", check.fix}});
  }
  return {{"checks", std::move(list)}};
}

absl::Status Run(const Session& session, const std::string& file) {
  ASSIGN_OR_RETURN(const DoctorFacts facts, Look(session, file));
  const std::vector<Check> checks = RunChecks(facts);
  if (session.json) {
    session.PrintJson(ToJson(checks));
  } else {
    session.Print(View(checks, session.io.color));
  }
  const auto failed = std::count_if(checks.begin(), checks.end(), [](const Check& check) {
    return check.status == CheckStatus::kFail;
  });
  if (failed > 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        Count(static_cast<uint64_t>(failed), "check", "checks"), " failed; mend what is told"));
  }
  return absl::OkStatus();
}

}  // namespace

void AddDoctorVerb(CLI::App* app, Session* session) {
  CLI::App* verb = AddVerb(app, session, "doctor", "Check what Stronghost needs of this host");
  const auto file = std::make_shared<std::string>();
  verb->add_option("--config", *file,
                   absl::StrCat("Configuration file (", kConfigFile, ", else what the agent has)"))
      ->type_name("FILE");
  verb->callback([session, file] { session->Finish(Run(*session, *file)); });
}

}  // namespace stronghost
