#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/cli/text.h"
#include "agent/cli/verb.h"
#include "agent/serve/orders_json.h"

namespace stronghost {
namespace {

struct Arguments {
  std::vector<std::string> nics;
  bool gone = false;
};

std::string Addresses(uint64_t count) {
  return absl::StrCat(count, count == 1 ? " address" : " addresses");
}

// A line for each home that gets another wire, or none.
std::string Sentences(const WhatIfReport& report) {
  std::string text;
  for (const WhatIfHome& home : report.homes) {
    if (home.then == home.wire) {
      continue;
    }
    if (home.then.empty()) {
      absl::StrAppend(&text, "nothing would carry ", Printable(home.nic));
    } else if (home.then == home.nic) {
      absl::StrAppend(&text, Printable(home.nic), " would carry its own frames again");
    } else {
      absl::StrAppend(&text, Printable(home.then), " would stand in for ", Printable(home.nic));
    }
    absl::StrAppend(&text, " (", Addresses(home.addresses), ")\n");
  }
  for (const RelocatedReport& relocated : report.relocated) {
    absl::StrAppend(&text, Addresses(relocated.addresses), " of ", Printable(relocated.origin),
                    " would live on ", Printable(relocated.home), "\n");
  }
  return text.empty() ? "nothing would change\n" : text;
}

absl::Status Run(const Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(VarlinkClient client, session.Connect());
  ASSIGN_OR_RETURN(
      const Json json,
      client.Call("io.stronghost.Agent.WhatIf",
                  {{"nics", arguments.nics}, {"gone", arguments.gone}}, session.io.timeout));
  ASSIGN_OR_RETURN(const WhatIfReport report, WhatIfFromJson(json));
  if (session.json) {
    session.PrintJson(WhatIfToJson(report));
  } else {
    session.Print(Sentences(report));
  }
  return absl::OkStatus();
}

}  // namespace

void AddWhatIfVerb(CLI::App* app, Session* session) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = AddVerb(app, session, "what-if",
                           "Say what would become of homes if NICs lost their link now");
  verb->add_option("NIC", arguments->nics, "Members of groups, lost together")
      ->required()
      ->type_name("");
  verb->add_flag("--gone", arguments->gone, "Removed, not only without carrier");
  verb->callback([session, arguments] { session->Finish(Run(*session, *arguments)); });
}

}  // namespace stronghost
