#include <cstdint>
#include <limits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/base/status.h"
#include "agent/cli/text.h"
#include "agent/cli/verb.h"

namespace stronghost {
namespace {

struct Arguments {
  std::string address;
  std::string nic;
  std::vector<std::string> verdicts;
  uint64_t count = std::numeric_limits<uint64_t>::max();
};

// One line for people: when, where, what became of it, and the packet. What is no packet has its
// own word in place of the verdict.
absl::StatusOr<std::string> Line(const Json& json) {
  std::string time;
  std::string verdict;
  std::string nic;
  std::string detail;
  RETURN_IF_ERROR(JsonReader(json, "event")
                      .Get("time", &time)
                      .Get("event", &verdict)
                      .Optional("verdict", &verdict)
                      .Optional("nic", &nic)
                      .Optional("detail", &detail)
                      .status());
  return absl::StrFormat("%s  %-8s  %-15s  %s\n", LocalTime(time), Printable(nic),
                         Printable(verdict), Printable(detail));
}

absl::Status Run(const Session& session, const Arguments& arguments) {
  ASSIGN_OR_RETURN(VarlinkClient client, session.Connect());
  uint64_t left = arguments.count;
  const absl::Status status = client.CallMore(
      "io.stronghost.Agent.Trace",
      {{"address", NullIfEmpty(arguments.address)},
       {"nic", NullIfEmpty(arguments.nic)},
       {"verdicts", arguments.verdicts}},
      session.io.timeout,
      [&session, &left](const Json& json) -> absl::Status {
        std::string event;
        RETURN_IF_ERROR(JsonReader(json, "event").Get("event", &event).status());
        if (session.json) {
          session.Print(absl::StrCat(JsonText(json), "\n"));
        } else {
          ASSIGN_OR_RETURN(const std::string line, Line(json));
          session.Print(line);
        }
        session.io.out.flush();  // who reads a pipe wants each packet now
        left -= event == "packet" ? 1 : 0;
        return left == 0 ? absl::CancelledError("all that were asked for") : absl::OkStatus();
      },
      absl::InfiniteDuration());
  return left == 0 ? absl::OkStatus() : status;
}

}  // namespace

void AddTraceVerb(CLI::App* app, Session* session) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* verb = AddVerb(app, session, "trace", "Show packets, and what becomes of them");
  verb->add_option("ADDRESS", arguments->address, "Only from, to, or asking for this address")
      ->type_name("");
  verb->add_option("--nic", arguments->nic, "Only packets on this NIC")->type_name("NIC");
  verb->add_option("--verdict", arguments->verdicts, "Only with this verdict; repeatable")
      ->type_name("VERDICT")
      ->allow_extra_args(false);
  verb->add_option("--count", arguments->count, "End after so many packets")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  verb->callback([session, arguments] { session->Finish(Run(*session, *arguments)); });
}

}  // namespace stronghost
