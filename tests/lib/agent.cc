#include "tests/lib/agent.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/base/status.h"
#include "tests/lib/scratch.h"

namespace stronghost::lab {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kStartDeadline = absl::Seconds(30);  // with sanitizers, on a busy machine

std::string ConfigText(const Agent& agent, const AgentOptions& options) {
  return absl::StrCat("[agent]\nsocket = \"", agent.socket_path(), "\"\npin_dir = \"",
                      agent.pin_dir(), "\"\nstate_dir = \"", agent.state_dir(),
                      "\"\nmetrics = \"\"\ncgroup = \"", options.cgroup, "\"\n", options.agent_keys,
                      "\n", options.groups, "\n");
}

}  // namespace

std::string ProgramPath(const std::string& name) {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / name).string();
}

std::string GroupToml(const std::vector<std::string>& nics, const std::string& keys) {
  return absl::StrCat("[[group]]\nname = \"front\"\nnics = [\"", absl::StrJoin(nics, "\", \""),
                      "\"]\n", keys, "\n");
}

std::string WireOf(const nlohmann::json& status, const std::string& ip) {
  for (const auto& group : status.at("groups")) {
    for (const auto& address : group.at("addresses")) {
      if (address.at("ip") == ip && address.at("wire").is_string()) {
        return address.at("wire");
      }
    }
  }
  return "";
}

absl::StatusOr<Agent> Agent::Prepare(const NetNs& netns, const AgentOptions& options) {
  ASSIGN_OR_RETURN(PinFolder pins, PinFolder::Create("pins", /*make=*/false));
  const std::string folder = absl::StrCat("/tmp/", ScratchName("agent"));
  std::error_code error;
  if (!fs::create_directory(folder, error)) {
    return absl::InternalError(absl::StrCat("make ", folder, ": ", error.message()));
  }
  Agent agent(netns, std::move(pins), folder);
  RETURN_IF_ERROR(agent.WriteConfig(options));
  return agent;
}

absl::StatusOr<Agent> Agent::Start(const NetNs& netns, const AgentOptions& options) {
  ASSIGN_OR_RETURN(Agent agent, Prepare(netns, options));
  RETURN_IF_ERROR(agent.StartDaemon());
  return agent;
}

Agent::~Agent() {
  daemon_.reset();
  if (!folder_.empty()) {
    std::error_code error;
    fs::remove_all(folder_, error);
  }
}

absl::Status Agent::WriteConfig(const AgentOptions& options) {
  std::ofstream file(config_path());
  file << ConfigText(*this, options);
  file.close();
  return file ? absl::OkStatus() : absl::InternalError(absl::StrCat("write ", config_path()));
}

absl::Status Agent::StartDaemon(std::vector<std::string> wrapper) {
  std::vector<std::string> argv = std::move(wrapper);
  argv.insert(argv.end(),
              {ProgramPath("stronghostd"), "--config", config_path(), "--log-level", "debug"});
  ASSIGN_OR_RETURN(Process daemon, Process::Start(*netns_, {.argv = std::move(argv)}));
  daemon_.emplace(std::move(daemon));
  const absl::Status up = Await(
      kStartDeadline, [this] { return Status().ok() || !daemon_->IsRunning(); },
      "the control socket");
  if (!up.ok() || !daemon_->IsRunning()) {
    return absl::InternalError(
        absl::StrCat("stronghostd did not come up: ", up.message(), "\n", Log()));
  }
  return absl::OkStatus();
}

int Agent::TimesLogged(const std::string& text) const {
  const std::string log = Log();
  int times = 0;
  for (size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) {
    ++times;
  }
  return times;
}

absl::Status Agent::Kill() {
  RETURN_IF_ERROR(daemon_->Kill(SIGKILL));
  return daemon_->Wait(absl::Seconds(10)).status();
}

absl::StatusOr<int> Agent::Stop() {
  return daemon_->Stop(SIGTERM);
}

absl::StatusOr<ExecResult> Agent::Command(std::vector<std::string> args) const {
  std::vector<std::string> argv = {ProgramPath("stronghost"), "--socket", socket_path()};
  argv.insert(argv.end(), args.begin(), args.end());
  return netns_->Exec(std::move(argv));
}

absl::StatusOr<nlohmann::json> Agent::Status() const {
  ASSIGN_OR_RETURN(const ExecResult result, Command({"status", "--json"}));
  nlohmann::json status = nlohmann::json::parse(result.output, nullptr, /*allow_exceptions=*/false);
  if (!result.ok() || status.is_discarded()) {
    return absl::InternalError(absl::StrCat("stronghost status --json: ", result.output));
  }
  return status;
}

absl::Status Agent::AwaitWire(const std::string& ip, const std::string& wire,
                              absl::Duration deadline) const {
  return Await(
      deadline,
      [&] {
        const auto status = Status();
        return status.ok() && WireOf(*status, ip) == wire;
      },
      absl::StrCat(ip, " carried by ", wire));
}

absl::Status Agent::AwaitState(const std::string& nic, const std::string& state,
                               absl::Duration deadline) const {
  return Await(
      deadline,
      [&] {
        const auto status = Status();
        if (!status.ok()) {
          return false;
        }
        for (const auto& group : status->at("groups")) {
          for (const auto& entry : group.at("nics")) {
            if (entry.at("name") == nic && entry.at("state") == state) {
              return true;
            }
          }
        }
        return false;
      },
      absl::StrCat(nic, " ", state));
}

}  // namespace stronghost::lab
