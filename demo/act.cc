#include "demo/act.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/base/status.h"
#include "agent/cli/text.h"
#include "demo/report.h"
#include "demo/scene_arp.h"
#include "demo/scene_cable.h"
#include "demo/scene_way_out.h"

namespace stronghost::demo {
namespace {

constexpr char kPlainName[] = "plain Linux";
constexpr char kAgentName[] = "with Stronghost";

void TellArp(const std::vector<ArpScore>& scores, std::ostream& out) {
  for (const ArpScore& score : scores) {
    out << absl::StrFormat("  %d ARP requests for %s: %d answers, from %s; %d not the owner's\n",
                           score.asked, score.address, score.answers,
                           Count(static_cast<uint64_t>(score.macs), "MAC", "MACs"),
                           score.not_owner);
  }
}

void TellWayOut(const WayOutScore& score, std::ostream& out) {
  out << absl::StrFormat(
      "  sent from each address to client and far host: %s of %s packets left "
      "by the wrong NIC\n",
      Thousands(score.left_wrong), Thousands(score.left));
}

}  // namespace

absl::StatusOr<ActResult> Play(bool with_agent, const Interrupt& interrupt, std::ostream& out,
                               bool color) {
  HostScore score{.name = with_agent ? kAgentName : kPlainName};
  out << "\n"
      << Paint(with_agent ? "The same lab, fresh, with Stronghost" : "The lab as plain Linux",
               Tone::kHeading, color)
      << std::endl;
  // The cable scene has a lab of its own: what the first two scenes taught the neighbour caches
  // plays no part in it.
  {
    ASSIGN_OR_RETURN(Stage stage, Stage::Build(with_agent));
    ASSIGN_OR_RETURN(score.arp, AskByArp(stage));
    TellArp(score.arp, out);
    RETURN_IF_ERROR(interrupt.Pause(absl::ZeroDuration()));
    ASSIGN_OR_RETURN(score.way_out, WatchTheWayOut(stage));
    TellWayOut(score.way_out, out);
    RETURN_IF_ERROR(interrupt.Pause(absl::ZeroDuration()));
  }
  ASSIGN_OR_RETURN(Stage stage, Stage::Build(with_agent));
  out << "  1,000 packets/s each way, IPv4 and IPv6, and two TCP sessions, all by eth0:"
      << std::endl;
  std::vector<Peek> peeks;
  const auto say = [&out](const std::string& line) { out << "  " << line << std::endl; };
  const auto meanwhile = [&]() -> absl::Status {
    if (with_agent) {
      ASSIGN_OR_RETURN(peeks, LookInside(stage));
    }
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(score.cable, PullTheCable(stage, interrupt, say, meanwhile));
  score.cable.picture.title = score.name;
  return ActResult{std::move(score), std::move(peeks), std::move(stage)};
}

}  // namespace stronghost::demo
