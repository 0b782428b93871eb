#include <memory>

#include "absl/time/clock.h"
#include "agent/base/net_types.h"
#include "agent/base/status.h"
#include "agent/cli/verb.h"
#include "agent/cli/views.h"
#include "agent/serve/status_json.h"

namespace stronghost {
namespace {

struct Ends {
  std::string source;
  std::string destination;
};

absl::Status Run(const Session& session, const Ends& ends) {
  ASSIGN_OR_RETURN(VarlinkClient client, session.Connect());
  ASSIGN_OR_RETURN(const Json json,
                   client.Call("io.stronghost.Agent.Explain",
                               {{"source", ends.source}, {"destination", ends.destination}},
                               session.io.timeout));
  ASSIGN_OR_RETURN(const ExplainReport report, ExplainFromJson(json));
  if (session.json) {
    session.PrintJson(ExplainToJson(report));
  } else {
    session.Print(ExplainView(report, {.color = session.io.color, .now = absl::Now()}));
  }
  return absl::OkStatus();
}

// For CLI11: "" if `text` is an address, with or without "%NIC", else what is wrong with it.
std::string CheckAddress(const std::string& text) {
  return Message(IpAddress::Parse(text.substr(0, text.find('%'))).status());
}

}  // namespace

void AddExplainVerb(CLI::App* app, Session* session) {
  CLI::App* verb =
      AddVerb(app, session, "explain", "Tell what becomes of a packet from SRC to DST, and why");
  const auto ends = std::make_shared<Ends>();
  verb->add_option("SRC", ends->source, "Source address; link-local ones as fe80::1%eth0")
      ->required()
      ->type_name("")
      ->check(CheckAddress);
  verb->add_option("DST", ends->destination, "Destination address")
      ->required()
      ->type_name("")
      ->check(CheckAddress);
  verb->callback([session, ends] { session->Finish(Run(*session, *ends)); });
}

}  // namespace stronghost
