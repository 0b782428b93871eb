// Pulled cables: follow and stay beside plain Linux, and windows of the same length without a pull,
// which show what the scheduler alone does to such a stream.

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "agent/base/status.h"
#include "tests/bench/bench.h"
#include "tests/bench/contenders.h"
#include "tests/bench/figures.h"
#include "tests/bench/flow.h"
#include "tests/lib/await.h"
#include "tests/lib/stream.h"

namespace stronghost::bench {
namespace {

constexpr uint64_t kBefore = 100;  // packets of each stream, at 1,000 a second
constexpr absl::Duration kAfter = absl::Milliseconds(400);
constexpr double kLostGoal = 1;  // packets of the host itself
constexpr double kOutageGoalMs = 5;

constexpr char kHow[] =
    "Four UDP streams of 1,000 packets/s: out of the server from eth0's address and in to it, IPv4 "
    "and IPv6, over windows of half a second. After 0.1 s eth0's cable is pulled at the switch "
    "(veth: the kernel tells of it at once, which real NICs do not). Each figure is over all "
    "pulls: "
    "median, 90th percentile, maximum. *Lost* counts packets; *outage* is the longest time "
    "in which packets were sent in vain; *gap* is the longest time between two arrivals in a "
    "window, "
    "which holds the senders' own waiting for a CPU as well (1 ms is none). *No pull* are windows "
    "in the same labs, "
    "between "
    "the pulls, in which nothing happens: what the scheduler of a machine with two cores does. "
    "Plain "
    "Linux has no stand-in: its cable is plugged again at the end of the window, and what it loses "
    "until it is back counts; what its own senders had queued arrives then, so that only the gap "
    "shows it. Ratios are of gaps.";

struct Series {
  std::vector<double> lost;
  std::vector<double> outage_ms;
  std::vector<double> gap_ms;
};
// By contender, pulled or not, and flow.
using AllSeries = std::map<std::string, std::map<bool, std::map<std::string, Series>>>;

absl::StatusOr<lab::Stream> StartFlow(lab::Lab& lab, const Flow& flow) {
  const IpAddress server = lab.plan().NicAddress(0, flow.family);
  const IpAddress client = lab.plan().ClientAddress(0, flow.family);
  lab::StreamOptions options{.destination = flow.out ? client : server};
  if (flow.out) {
    options.source = server;
  }
  return lab::Stream::Start(flow.out ? lab.server() : lab.client(),
                            flow.out ? lab.client() : lab.server(), options);
}

// One window. Nothing but the streams watches: on two cores a busy observer would be the outage.
absl::Status Window(Contender& contender, bool pull, std::map<std::string, Series>& series) {
  lab::Lab& lab = contender.lab();
  std::vector<lab::Stream> streams;
  for (const Flow& flow : kFlows) {
    ASSIGN_OR_RETURN(lab::Stream stream, StartFlow(lab, flow));
    streams.push_back(std::move(stream));
  }
  for (lab::Stream& stream : streams) {
    RETURN_IF_ERROR(stream.AwaitReceived(kBefore, absl::Seconds(10)));
  }
  if (pull) {
    RETURN_IF_ERROR(lab.PullCable(0).status());
  }
  absl::SleepFor(kAfter);
  if (pull && !contender.has_agent()) {
    // Senders of the host hang in the unresolved neighbour.
    RETURN_IF_ERROR(lab.PlugCable(0).status());
  }
  for (size_t i = 0; i < streams.size(); ++i) {
    const lab::StreamResult result = streams[i].Finish(absl::Milliseconds(50));
    Series& one = series[kFlows[i].Name()];
    one.lost.push_back(static_cast<double>(result.lost));
    one.outage_ms.push_back(static_cast<double>(result.longest_outage_ns) / 1e6);
    one.gap_ms.push_back(static_cast<double>(result.longest_gap_ns) / 1e6);
  }
  return absl::OkStatus();
}

absl::Status PlugAgain(Contender& contender) {
  lab::Lab& lab = contender.lab();
  RETURN_IF_ERROR(lab.PlugCable(0).status());
  RETURN_IF_ERROR(lab.AwaitLink(0, true));
  if (!contender.has_agent()) {
    return absl::OkStatus();
  }
  for (const int family : {AF_INET, AF_INET6}) {
    RETURN_IF_ERROR(
        contender.agent().AwaitWire(lab.plan().NicAddress(0, family).ToString(), "eth0"));
  }
  return absl::OkStatus();
}

std::string Spread(const std::vector<double>& values, int decimals) {
  return absl::StrFormat("%.*f / %.*f / %.*f", decimals, Quantile(values, 0.5), decimals,
                         Quantile(values, 0.9), decimals, Quantile(values, 1));
}

std::string Medians(const Series& series) {
  return absl::StrFormat("%.0f lost, outage %.1f ms, gap %.1f ms", Quantile(series.lost, 0.5),
                         Quantile(series.outage_ms, 0.5), Quantile(series.gap_ms, 0.5));
}

void AddToReport(const std::vector<Contender>& contenders, const AllSeries& all, Report& report) {
  const auto& plain = all.at(contenders.front().name());
  for (const Contender& contender : contenders) {
    const auto& mine = all.at(contender.name());
    for (const Flow& flow : kFlows) {
      const std::string name = flow.Name();
      const Series& pulled = mine.at(true).at(name);
      const Series& quiet = mine.at(false).at(name);
      report.details.lines.push_back({contender.name(), name, Spread(pulled.lost, 0),
                                      Spread(quiet.lost, 0), Spread(pulled.outage_ms, 1),
                                      Spread(pulled.gap_ms, 1), Spread(quiet.gap_ms, 1)});
      if (&contender == &contenders.front()) {
        continue;
      }
      const Series& theirs = plain.at(true).at(name);
      const double figure = Quantile(flow.out ? pulled.lost : pulled.outage_ms, 0.5);
      const double goal = flow.out ? kLostGoal : kOutageGoalMs;
      report.rows.push_back(
          {.what = absl::StrCat(contender.name(), ", ", name, ", median"),
           .figure = Medians(pulled),
           .peer = absl::StrCat("plain Linux: ", Medians(theirs)),
           .ratio = Quantile(pulled.gap_ms, 0.5) / Quantile(theirs.gap_ms, 0.5),
           .goal = absl::StrFormat("at most %.0f %s", goal, flow.out ? "lost" : "ms outage"),
           .met = figure <= goal});
      report.rows.push_back({.what = absl::StrCat("control: ", contender.name(), ", ", name),
                             .figure = Medians(pulled),
                             .peer = absl::StrCat("no pull: ", Medians(quiet)),
                             .ratio = Quantile(pulled.gap_ms, 0.5) / Quantile(quiet.gap_ms, 0.5)});
      Progress(absl::StrCat(report.rows.back().what, ": ", report.rows.back().figure));
    }
  }
}

absl::Status Run(const BenchOptions& options, Report& report) {
  report.title = "Pulled cables";
  report.how = kHow;
  report.details.head = {
      "lab",          "stream",         "lost, pull", "lost, no pull", "outage ms, pull",
      "gap ms, pull", "gap ms, no pull"};
  ASSIGN_OR_RETURN(std::vector<Contender> contenders,
                   MakeContenders({{"plain Linux", std::nullopt, {}},
                                   {"Stronghost, follow", GroupKeys("follow", "off"), {}},
                                   {"Stronghost, stay", GroupKeys("stay", "off"), {}}}));
  AllSeries all;
  const int pulls = options.Rounds(20, 3);
  for (int round = 0; round < pulls; ++round) {
    for (size_t i = 0; i < contenders.size(); ++i) {
      RETURN_IF_ERROR(GiveWayTo(i, contenders));
      Contender& contender = contenders[i];
      for (const bool pull : {false, true}) {
        RETURN_IF_ERROR(Window(contender, pull, all[contender.name()][pull]));
      }
      RETURN_IF_ERROR(PlugAgain(contender));
    }
    Progress(absl::StrFormat("pull %d of %d", round + 1, pulls));
  }
  AddToReport(contenders, all, report);
  return absl::OkStatus();
}

}  // namespace
}  // namespace stronghost::bench

int main(int argc, char** argv) {
  return stronghost::bench::RunBench(argc, argv, stronghost::bench::Run);
}
