#include <memory>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/cli/text.h"
#include "agent/cli/verb.h"
#include "agent/serve/orders_json.h"

namespace stronghost {
namespace {

struct Arguments {
  std::string address;
  std::string nic;
};

// What the move costs.
std::string Price(const MoveReport& report) {
  std::string price;
  if (report.sessions_ended != 0) {
    absl::StrAppend(&price, "; that ended ", report.sessions_ended, " masqueraded session",
                    report.sessions_ended == 1 ? "" : "s");
  }
  if (report.expires_in != 0) {
    absl::StrAppend(&price, "; it expires in ", report.expires_in, " s: what prolongs it (DHCP, ",
                    "router advertisements) is heard on ", Printable(report.from), " only");
  }
  return price;
}

absl::Status Run(const Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(VarlinkClient client, session.Connect());
  ASSIGN_OR_RETURN(
      const Json json,
      client.Call("io.stronghost.Agent.Move",
                  {{"address", arguments.address}, {"nic", arguments.nic}}, session.io.timeout));
  ASSIGN_OR_RETURN(const MoveReport report, MoveFromJson(json));
  if (session.json) {
    session.PrintJson(MoveToJson(report));
    return absl::OkStatus();
  }
  const std::string head =
      absl::StrCat(Printable(report.address), " lives on ", Printable(report.to));
  session.Print(
      report.from == report.to
          ? absl::StrCat(head, ", as before\n")
          : absl::StrCat(head, " now, not on ", Printable(report.from), Price(report), "\n"));
  return absl::OkStatus();
}

}  // namespace

void AddMoveVerb(CLI::App* app, Session* session) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* move =
      AddVerb(app, session, "move", "Make an address live on another NIC of its group");
  move->add_option("ADDRESS", arguments->address, "Managed address")->required()->type_name("");
  move->add_option("NIC", arguments->nic, "Member of its group")->required()->type_name("");
  move->callback([session, arguments] { session->Finish(Run(*session, *arguments)); });
}

}  // namespace stronghost
