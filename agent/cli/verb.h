// What the verbs of the command share. Each verb is one file with one function, AddXVerb, that
// adds its subcommand; cli.cc lists them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/cli/cli.h"
#include "agent/cli/client.h"
#include "agent/serve/json.h"
#include "agent/serve/report.h"

namespace stronghost {

// One run of the command: the options that every verb has, and its outcome.
struct Session {
  CliIo io;
  std::string socket;  // "": not given
  bool json = false;
  int exit_status = kExitDone;

  // Connects to --socket, or `otherwise` when that is not given ("": the default socket).
  [[nodiscard]] absl::StatusOr<VarlinkClient> Connect(const std::string& otherwise = "") const;

  // Writes to the output; JSON with an indent and a line break.
  void Print(const std::string& text) const { io.out << text; }
  void PrintJson(const Json& value) const { io.out << JsonText(value, 2) << '\n'; }

  // Ends the verb: what is not OK is told in one line and makes the exit status 1.
  void Finish(const absl::Status& status);
};

// The whole status of the agent. `otherwise` as for Session::Connect().
absl::StatusOr<StatusReport> FetchStatus(const Session& session, const std::string& otherwise = "");

// Adds --json and --socket, which are understood before and after the verb.
void AddCommonOptions(CLI::App* app, Session* session);

// A subcommand with the common options.
CLI::App* AddVerb(CLI::App* app, Session* session, const std::string& name,
                  const std::string& help);

void AddStatusVerb(CLI::App* app, Session* session);
void AddExplainVerb(CLI::App* app, Session* session);
void AddDrainVerbs(CLI::App* app, Session* session);  // drain, undrain
void AddMoveVerb(CLI::App* app, Session* session);
void AddWhatIfVerb(CLI::App* app, Session* session);
void AddWatchVerb(CLI::App* app, Session* session);
void AddTraceVerb(CLI::App* app, Session* session);
void AddSuggestVerb(CLI::App* app, Session* session);
void AddDoctorVerb(CLI::App* app, Session* session);
void AddDetachVerb(CLI::App* app, Session* session);

}  // namespace stronghost
