// Pulled cables of a guest's NICs: Stronghost beside Linux bonding, team and plain Linux, on the
// same NICs, in one boot of one kernel. tests/bench/versus-bonding runs it.
#include <sys/utsname.h>

#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/base/status.h"
#include "tests/bench/bench.h"
#include "tests/bench/figures.h"
#include "tests/bench/flow.h"
#include "tests/bench/hypervisor.h"
#include "tests/bench/pulled_host.h"
#include "tests/lib/stream.h"

namespace stronghost::bench {
namespace {

constexpr uint64_t kBefore = 50;  // packets of each stream, at 1,000 a second
constexpr uint64_t kAfter = 450;  // arp_interval 100 needs 200 to 310 ms
// For who hears of a second loss by rtnetlink alone: up to a second after the first.
constexpr uint64_t kAfterSecond = 950;
constexpr absl::Duration kBetween = absl::Milliseconds(300);
constexpr absl::Duration kDrain = absl::Milliseconds(1);  // there is no queue on the way
// Before each window. A link change within a second of another is told late by the kernel
// (linkwatch), unsolicited advertisements have to be a second apart (RFC 4861 section 7.2.6: the
// last change's are over after 3 s), and a wire that was left accepts for 5 s more: other
// questions, all of them.
constexpr absl::Duration kCalm = absl::Seconds(6);
constexpr int kPhases = 100;    // ms: the longest polling interval that is compared with
constexpr int kQuietEvery = 5;  // so many pulls share one window without a pull

constexpr char kHow[] =
    "Four UDP streams of 1,000 packets/s: out of the server from its address and in to it, IPv4 "
    "and IPv6, at once. After 50 to 150 ms the hypervisor pulls the cable of the NIC that "
    "carries the address, and 450 ms later the window ends; the moments of the pulls are spread "
    "over 100 ms, so that whatever polls is met early and late. Then the cable is plugged, the "
    "address awaited on its NIC, and 6 s go by. *Lost* counts packets; *outage* is the longest "
    "time in which packets were sent in vain; *gap* is the longest time between two arrivals, "
    "which holds the senders' own waiting for the one CPU as well (1 ms is none). Plain Linux "
    "has no stand-in: its windows are lost to their end. *Second loss*, of some hosts: as many "
    "pulls "
    "again, each 300 ms after one of a NIC that nobody uses, with 950 ms until the window ends: "
    "the kernel "
    "tells user space of a change within a second of another late (linkwatch), except of a port of "
    "a bond or team. Ratios are of the means of the "
    "outages, which a single bad pull shows in, where a median of 0 would hide it. Each figure: "
    "mean, and in brackets median, minimum and maximum.";

struct Series {
  std::vector<double> lost;
  std::vector<double> outage_ms;
  std::vector<double> gap_ms;
  uint64_t duplicates = 0;
};
enum class Loss { kNone, kOne, kSecond };
using Figures = std::map<Loss, std::map<std::string, Series>>;  // and by flow

absl::StatusOr<lab::Stream> StartFlow(const PulledHost& host, const Flow& flow) {
  const IpAddress server = PulledHost::ServerAddress(flow.family);
  const IpAddress client = PulledHost::ClientAddress(flow.family);
  lab::StreamOptions options{.destination = flow.out ? client : server};
  if (flow.out) {
    options.source = server;
  }
  return lab::Stream::Start(flow.out ? host.server() : host.client(),
                            flow.out ? host.client() : host.server(), options);
}

// One window; `phase` shifts the pull against whatever polls in fixed steps.
absl::Status Window(PulledHost& host, Loss loss, uint64_t phase, Figures& figures) {
  std::vector<lab::Stream> streams;
  for (const Flow& flow : kFlows) {
    ASSIGN_OR_RETURN(lab::Stream stream, StartFlow(host, flow));
    streams.push_back(std::move(stream));
    RETURN_IF_ERROR(Annotate(streams.back().AwaitReceived(1, absl::Seconds(10)),
                             absl::StrCat(host.name(), ", ", flow.Name())));
  }
  RETURN_IF_ERROR(streams.back().AwaitReceived(kBefore + phase, absl::Seconds(10)));
  if (loss == Loss::kSecond) {
    RETURN_IF_ERROR(host.PullOther());
    absl::SleepFor(kBetween);
  }
  if (loss != Loss::kNone) {
    RETURN_IF_ERROR(host.Pull());
  }
  RETURN_IF_ERROR(streams.front().AwaitSent(loss == Loss::kSecond ? kAfterSecond : kAfter));
  for (size_t i = 0; i < streams.size(); ++i) {
    const lab::StreamResult result = streams[i].Finish(kDrain);
    Series& one = figures[loss][kFlows[i].Name()];
    one.lost.push_back(static_cast<double>(result.lost));
    one.outage_ms.push_back(static_cast<double>(result.longest_outage_ns) / 1e6);
    one.gap_ms.push_back(static_cast<double>(result.longest_gap_ns) / 1e6);
    one.duplicates += result.duplicates;
  }
  return absl::OkStatus();
}

// One of a comparison.
struct Contender {
  HostOptions options;
  bool second = true;  // show what it makes of a second loss as well
};

absl::StatusOr<Figures> Measure(const Contender& contender, int pulls, Hypervisor& hypervisor) {
  ASSIGN_OR_RETURN(auto host, PulledHost::Make(contender.options, hypervisor));
  Figures figures;
  for (int i = 0; i < pulls; ++i) {
    if (i % kQuietEvery == 0) {
      absl::SleepFor(kCalm);
      RETURN_IF_ERROR(Window(*host, Loss::kNone, 0, figures));
    }
    for (const Loss loss : {Loss::kOne, Loss::kSecond}) {
      if (loss == Loss::kSecond && !contender.second) {
        continue;
      }
      absl::SleepFor(kCalm);
      // 61 and 100 have no common divisor: neighbouring rounds lie far apart, and all phases occur.
      RETURN_IF_ERROR(Window(*host, loss, static_cast<uint64_t>(i * 61 % kPhases), figures));
      RETURN_IF_ERROR(host->CheckPulled());
      RETURN_IF_ERROR(host->Plug());
      RETURN_IF_ERROR(host->AwaitHome());
    }
  }
  RETURN_IF_ERROR(host->GiveBack());
  return figures;
}

double Mean(const std::vector<double>& values) {
  return values.empty() ? 0
                        : std::accumulate(values.begin(), values.end(), 0.0) /
                              static_cast<double>(values.size());
}

std::string Spread(const std::vector<double>& values, const char* unit = "") {
  return absl::StrFormat("%.2f%s (%.1f, %.1f .. %.1f)", Mean(values), unit, Quantile(values, 0.5),
                         Quantile(values, 0), Quantile(values, 1));
}

struct Goal {
  const char* peer;
  double limit;  // of our outage in shares of the peer's; 0: no goal
  Loss loss = Loss::kOne;
};
constexpr Goal kGoals[] = {{"bonding, miimon 100", 1.0 / 20},
                           {"bonding, miimon 10", 1.0 / 5},
                           {"bonding, miimon 1", 0},
                           {"team, ethtool link watch", 0},
                           {"team, ethtool link watch", 0, Loss::kSecond}};

std::string NameOf(const Flow& flow, Loss loss) {
  return absl::StrCat(flow.Name(), loss == Loss::kSecond ? ", second loss" : "");
}

void Compare(const std::string& name, const std::map<std::string, Figures>& all, Report& report) {
  for (const Goal& goal : kGoals) {
    for (const Flow& flow : kFlows) {
      const Series& ours = all.at(name).at(goal.loss).at(flow.Name());
      const Series& theirs = all.at(goal.peer).at(goal.loss).at(flow.Name());
      const double peer = Mean(theirs.outage_ms);
      // Two that lost nothing are even.
      const double ratio = Mean(ours.outage_ms) == peer ? 1 : Mean(ours.outage_ms) / peer;
      Row row{.what = absl::StrCat(name, ", ", NameOf(flow, goal.loss)),
              .figure = Spread(ours.outage_ms, " ms"),
              .peer = absl::StrCat(goal.peer, ": ", Spread(theirs.outage_ms, " ms")),
              .ratio = ratio};
      if (goal.limit > 0) {
        row = AtMost(row.what, row.figure, row.peer, ratio, goal.limit);
      }
      report.rows.push_back(std::move(row));
    }
  }
}

// "6.1.0-56-amd64 (6.1.192-1)": Debian's own version stands behind its name in the build string.
std::string Kernel() {
  utsname name{};
  uname(&name);
  const std::vector<std::string> words = absl::StrSplit(name.version, ' ');
  std::string kernel = name.release;
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i] == "Debian") {
      absl::StrAppend(&kernel, " (", words[i + 1], ")");
    }
  }
  return kernel;
}

absl::Status Run(const BenchOptions& options, Report& report) {
  const std::vector<Contender> contenders = {
      {{.name = "plain Linux", .bond = "", .mac = ""}, false},
      {{.name = "bonding, miimon 100", .bond = "miimon 100"}, false},
      {{.name = "bonding, miimon 10", .bond = "miimon 10"}},
      {{.name = "bonding, miimon 1", .bond = "miimon 1"}, false},
      {{.name = "bonding, arp_interval 100",
        .bond = "arp_interval 100 arp_ip_target 198.51.100.100"},
       false},
      {{.name = "team, ethtool link watch", .bond = "", .mac = "", .team = true}},
      {{.name = "Stronghost, follow", .bond = "", .mac = "follow"}},
      {{.name = "Stronghost, stay", .bond = "", .mac = "stay"}}};
  ASSIGN_OR_RETURN(Hypervisor hypervisor, Hypervisor::Open());
  const int pulls = options.Rounds(40, 3);
  report.title = absl::StrCat("Kernel ", Kernel(), ", ", pulls, " pulls each");
  report.how = kHow;
  report.details.head = {"host",          "stream",          "lost",      "outage ms", "gap ms",
                         "lost, no pull", "gap ms, no pull", "duplicates"};
  std::map<std::string, Figures> all;
  for (const Contender& one : contenders) {
    const std::string& name = one.options.name;
    ASSIGN_OR_RETURN(Figures figures, Measure(one, pulls, hypervisor));
    for (const Loss loss : {Loss::kOne, Loss::kSecond}) {
      if (!figures.contains(loss)) {
        continue;
      }
      for (const Flow& flow : kFlows) {
        const Series& pulled = figures.at(loss).at(flow.Name());
        const Series& quiet = figures.at(Loss::kNone).at(flow.Name());
        const bool first = loss == Loss::kOne;  // its windows are as long as the quiet ones
        report.details.lines.push_back(
            {name, NameOf(flow, loss), Spread(pulled.lost), Spread(pulled.outage_ms),
             Spread(pulled.gap_ms), first ? Spread(quiet.lost) : "",
             first ? Spread(quiet.gap_ms) : "",
             absl::StrCat(pulled.duplicates + (first ? quiet.duplicates : 0))});
        Progress(absl::StrCat(name, ", ", NameOf(flow, loss), ": lost ", Spread(pulled.lost)));
      }
    }
    all.emplace(name, std::move(figures));
  }
  Compare("Stronghost, follow", all, report);
  Compare("Stronghost, stay", all, report);
  return absl::OkStatus();
}

}  // namespace
}  // namespace stronghost::bench

int main(int argc, char** argv) {
  return stronghost::bench::RunBench(argc, argv, stronghost::bench::Run);
}
