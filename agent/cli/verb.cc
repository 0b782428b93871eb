#include "agent/cli/verb.h"

#include "agent/base/status.h"
#include "agent/cli/text.h"
#include "agent/config/config.h"

namespace stronghost {

absl::StatusOr<VarlinkClient> Session::Connect(const std::string& otherwise) const {
  std::string path = socket.empty() ? otherwise : socket;
  if (path.empty()) {
    path = Config{}.socket;
  }
  return VarlinkClient::Connect(path, io.timeout);
}

void Session::Finish(const absl::Status& status) {
  if (!status.ok()) {
    io.err << "stronghost: " << Printable(status.message()) << '\n';
    exit_status = kExitFailed;
    return;
  }
  io.out.flush();
  if (!io.out) {
    io.err << "stronghost: the output can't be written; is the disk full?\n";
    exit_status = kExitFailed;
  }
}

void AddCommonOptions(CLI::App* app, Session* session) {
  app->add_flag("--json", session->json, "Print JSON");
  app->add_option("--socket", session->socket,
                  "Control socket of the agent (" + Config{}.socket + ")")
      ->type_name("PATH");
}

CLI::App* AddVerb(CLI::App* app, Session* session, const std::string& name,
                  const std::string& help) {
  CLI::App* verb = app->add_subcommand(name, help);
  AddCommonOptions(verb, session);
  return verb;
}

}  // namespace stronghost
