#include "agent/cli/cli.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "agent/cli/text.h"
#include "agent/cli/verb.h"
#include "agent/serve/version.h"

namespace stronghost {
namespace {

constexpr char kFooter[] =
    "Exit status: 0 done; 1 refused or failed, with one line why and what to do; 2 usage.\n"
    "Manual: stronghost(1), stronghostd(8), stronghost.toml(5).";

void AddVerbs(CLI::App* app, Session* session) {
  AddStatusVerb(app, session);
  AddExplainVerb(app, session);
  AddDrainVerbs(app, session);
  AddMoveVerb(app, session);
  AddWhatIfVerb(app, session);
  AddWatchVerb(app, session);
  AddTraceVerb(app, session);
  AddSuggestVerb(app, session);
  AddDoctorVerb(app, session);
  AddDetachVerb(app, session);
}

// One line about a command line that makes no sense.
std::string UsageLine(const CLI::App& app, const CLI::ParseError& error) {
  const auto chosen = app.get_subcommands();
  const std::vector<std::string> rest = app.remaining();
  std::string what = error.what();
  if (chosen.empty()) {
    what = rest.empty() ? "no command is given" : absl::StrCat("'", rest[0], "' is no command");
  }
  return absl::StrCat("stronghost: ", Printable(what), "; see stronghost ",
                      chosen.empty() ? "" : absl::StrCat(chosen[0]->get_name(), " "), "--help\n");
}

}  // namespace

int RunCli(int argc, const char* const* argv, const CliIo& io) {
  Session session{.io = io};
  CLI::App app("Asks the Stronghost agent what it does, and tells it what to do.", "stronghost");
  app.set_version_flag("--version", absl::StrCat("stronghost ", Version()),
                       "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.get_formatter()->column_width(24);
  AddCommonOptions(&app, &session);
  AddVerbs(&app, &session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    app.exit(asked, io.out, io.err);
    return kExitDone;
  } catch (const CLI::ParseError& error) {
    io.err << UsageLine(app, error);
    return kExitUsage;
  }
  return session.exit_status;
}

bool WantsColor(int descriptor) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return isatty(descriptor) == 1 && (no_color == nullptr || *no_color == '\0') &&
         (term == nullptr || std::strcmp(term, "dumb") != 0);
}

}  // namespace stronghost
