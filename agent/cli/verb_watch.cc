#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/base/status.h"
#include "agent/cli/text.h"
#include "agent/cli/verb.h"

namespace stronghost {
namespace {

// One line for people: when, what, and in words.
absl::StatusOr<std::string> Line(const Json& json) {
  std::string time;
  std::string event;
  std::string detail;
  RETURN_IF_ERROR(JsonReader(json, "event")
                      .Get("time", &time)
                      .Get("event", &event)
                      .Optional("detail", &detail)
                      .status());
  return absl::StrFormat("%s  %-10s  %s\n", LocalTime(time), Printable(event), Printable(detail));
}

absl::Status Run(const Session& session) {
  ASSIGN_OR_RETURN(VarlinkClient client, session.Connect());
  return client.CallMore(
      "io.stronghost.Agent.Watch", Json::object(), session.io.timeout,
      [&session](const Json& json) -> absl::Status {
        if (session.json) {
          session.Print(absl::StrCat(JsonText(json), "\n"));
        } else {
          ASSIGN_OR_RETURN(const std::string line, Line(json));
          session.Print(line);
        }
        session.io.out.flush();  // who reads a pipe wants each event now
        return absl::OkStatus();
      },
      absl::InfiniteDuration());
}

}  // namespace

void AddWatchVerb(CLI::App* app, Session* session) {
  CLI::App* verb = AddVerb(app, session, "watch", "Show what happens, as it happens");
  verb->callback([session] { session->Finish(Run(*session)); });
}

}  // namespace stronghost
