#include <memory>

#include "absl/time/clock.h"
#include "agent/base/status.h"
#include "agent/cli/verb.h"
#include "agent/cli/views.h"
#include "agent/serve/status_json.h"

namespace stronghost {
namespace {

absl::Status Run(const Session& session, bool all) {
  ASSIGN_OR_RETURN(const StatusReport report, FetchStatus(session));
  if (session.json) {
    session.PrintJson(StatusToJson(report));
  } else {
    session.Print(StatusView(report, {.color = session.io.color, .all = all, .now = absl::Now()}));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StatusReport> FetchStatus(const Session& session, const std::string& otherwise) {
  ASSIGN_OR_RETURN(VarlinkClient client, session.Connect(otherwise));
  StatusReport report;
  RETURN_IF_ERROR(client.CallMore("io.stronghost.Agent.Status", Json::object(), session.io.timeout,
                                  [&report](const Json& json) -> absl::Status {
                                    ASSIGN_OR_RETURN(StatusReport piece, StatusFromJson(json));
                                    MergeStatus(std::move(piece), &report);
                                    return absl::OkStatus();
                                  }));
  return report;
}

void AddStatusVerb(CLI::App* app, Session* session) {
  CLI::App* verb =
      AddVerb(app, session, "status", "Show groups, NICs, addresses, stand-ins and problems");
  const auto all = std::make_shared<bool>(false);
  verb->add_flag("--all", *all, "List every address, however many a NIC has");
  verb->callback([session, all] { session->Finish(Run(*session, *all)); });
}

}  // namespace stronghost
