#include <memory>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/cli/text.h"
#include "agent/cli/verb.h"
#include "agent/serve/orders_json.h"

namespace stronghost {
namespace {

struct Arguments {
  std::string nic;
  bool force = false;
};

std::string Sentence(const DrainReport& report) {
  const std::string nic = Printable(report.nic);
  const std::string addresses =
      absl::StrCat(report.addresses, report.addresses == 1 ? " address" : " addresses");
  const std::string head = absl::StrCat(nic, " is ", Printable(report.state), ": ");
  if (report.wire.empty()) {
    return absl::StrCat(head, "nothing carries its ", addresses, "\n");
  }
  return absl::StrCat(head, report.wire == report.nic ? "it" : Printable(report.wire),
                      " carries its ", addresses, "\n");
}

absl::Status Run(const Session& session, const std::string& method, const Json& parameters) {
  ASSIGN_OR_RETURN(VarlinkClient client, session.Connect());
  ASSIGN_OR_RETURN(const Json json, client.Call(absl::StrCat("io.stronghost.Agent.", method),
                                                parameters, session.io.timeout));
  ASSIGN_OR_RETURN(const DrainReport report, DrainFromJson(json));
  if (session.json) {
    session.PrintJson(DrainToJson(report));
  } else {
    session.Print(Sentence(report));
  }
  return absl::OkStatus();
}

}  // namespace

void AddDrainVerbs(CLI::App* app, Session* session) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* drain =
      AddVerb(app, session, "drain", "Take a NIC out of service: another one carries its frames");
  drain->add_option("NIC", arguments->nic, "Member of a group")->required()->type_name("");
  drain->add_flag("--force", arguments->force, "Also the last usable NIC of its group");
  drain->callback([session, arguments] {
    session->Finish(Run(*session, "Drain", {{"nic", arguments->nic}, {"force", arguments->force}}));
  });
  CLI::App* undrain = AddVerb(app, session, "undrain", "Put a NIC back into service");
  undrain->add_option("NIC", arguments->nic, "Member of a group")->required()->type_name("");
  undrain->callback([session, arguments] {
    session->Finish(Run(*session, "Undrain", {{"nic", arguments->nic}}));
  });
}

}  // namespace stronghost
