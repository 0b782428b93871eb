#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/base/status.h"
#include "agent/cli/detach_offline.h"
#include "agent/cli/verb.h"
#include "agent/config/load.h"

namespace stronghost {
namespace {

// Addresses are removed one by one, which costs the kernel O(n^2): 30,000 take half a minute.
constexpr absl::Duration kDetachTimeout = absl::Minutes(5);

absl::StatusOr<Config> Load(const std::string& file) {
  LoadedConfig loaded = LoadConfig(file);
  if (!loaded.ok()) {
    return absl::InvalidArgumentError(
        absl::StrJoin(loaded.problems, " | ", [](std::string* out, const ConfigProblem& problem) {
          absl::StrAppend(out, problem.ToString());
        }));
  }
  return std::move(loaded.config);
}

absl::Status DetachRunning(const Session& session, VarlinkClient client) {
  RETURN_IF_ERROR(
      client.Call("io.stronghost.Agent.Detach", Json::object(), kDetachTimeout).status());
  // The agent exits now, and hangs up when it is done with that.
  return client.AwaitHangup(session.io.timeout);
}

absl::Status Run(const Session& session, const std::string& file) {
  Config config;
  if (!file.empty()) {
    ASSIGN_OR_RETURN(config, Load(file));
  }
  auto client = session.Connect(config.socket);
  const bool running = client.ok();
  if (running) {
    RETURN_IF_ERROR(DetachRunning(session, *std::move(client)));
  } else if (!NobodyThere(client.status())) {
    return client.status();
  } else if (file.empty()) {
    return absl::UnavailableError(
        absl::StrCat(client.status().message(),
                     "; to detach without an agent, name the configuration with --config"));
  } else {
    RETURN_IF_ERROR(DetachOffline(config));
  }
  if (session.json) {
    session.PrintJson(Json{{"detached", true}, {"agent_was_running", running}});
  } else {
    session.Print(std::string("detached: the data path is gone, and what was changed is restored") +
                  (running ? "; the agent has exited\n" : "\n"));
  }
  return absl::OkStatus();
}

}  // namespace

void AddDetachVerb(CLI::App* app, Session* session) {
  CLI::App* verb =
      AddVerb(app, session, "detach",
              "Remove the data path and restore what was changed; a running agent then exits");
  const auto file = std::make_shared<std::string>();
  verb->add_option("--config", *file, "Configuration file, for when no agent runs")
      ->type_name("FILE");
  verb->callback([session, file] { session->Finish(Run(*session, *file)); });
}

}  // namespace stronghost
