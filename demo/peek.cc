#include "demo/peek.h"

#include <sys/socket.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/base/status.h"
#include "tests/lib/lab_plan.h"
#include "tests/lib/process.h"

namespace stronghost::demo {
namespace {

constexpr size_t kColumns = 92;

// bpftool prints a field a line; many fields fit into one.
std::string Compact(const std::string& text) {
  std::string out;
  size_t width = 0;
  for (const absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar(" \t\n"), absl::SkipEmpty())) {
    if (width + word.size() + 1 > kColumns) {
      out += "\n";
      width = 0;
    }
    absl::StrAppend(&out, width == 0 ? "" : " ", word);
    width += word.size() + 1;
  }
  return out;
}

std::string HomesMap(const Stage& stage) {
  return absl::StrCat(stage.agent()->pin_dir(), "/sh_homes");
}

}  // namespace

absl::StatusOr<std::vector<Peek>> LookInside(Stage& stage) {
  ASSIGN_OR_RETURN(const lab::ExecResult status, stage.agent()->Command({"status"}));
  const std::vector<std::string> lookup = {"bpftool", "map", "lookup", "pinned", HomesMap(stage),
                                           "key",     "1",   "0",      "0",      "0"};
  ASSIGN_OR_RETURN(const lab::ExecResult map, lab::RunProgram({.argv = lookup}));
  return std::vector<Peek>{{"stronghost status", status.output},
                           {absl::StrJoin(lookup, " "), Compact(map.output)}};
}

std::string CommandsToTry(Stage& stage) {
  const lab::NetNs& server = stage.lab().server();
  const std::string enter = absl::StrCat("nsenter --net=/run/netns/", server.name(), " ");
  const std::string stronghost =
      absl::StrCat(lab::ProgramPath("stronghost"), " --socket ", stage.agent()->socket_path(), " ");
  const std::string from_server = stage.plan().NicAddress(0, AF_INET).ToString();
  const std::string to_far = lab::LabPlan::FarAddress(AF_INET).ToString();
  const std::string port = absl::StrCat("ip -n ", stage.lab().switch_netns().name(), " link set ",
                                        lab::LabPlan::Port(0));
  std::string out;
  for (const auto& [what, command] : std::vector<std::pair<std::string, std::string>>{
           {"who carries what", absl::StrCat(enter, stronghost, "status")},
           {"which way a packet goes",
            absl::StrCat(enter, stronghost, "explain ", from_server, " ", to_far)},
           {"the maps behind it", absl::StrCat("bpftool map dump pinned ", HomesMap(stage))},
           {"the programs on the NICs", absl::StrCat(enter, "bpftool net show")},
           {"pull the cable of eth0", absl::StrCat(port, " down")},
           {"still there?", absl::StrCat("nsenter --net=/run/netns/", stage.lab().client().name(),
                                         " ping -c 3 ", from_server)},
           {"plug it in again", absl::StrCat(port, " up")}}) {
    absl::StrAppend(&out, "  # ", what, "\n  ", command, "\n");
  }
  return out;
}

}  // namespace stronghost::demo
