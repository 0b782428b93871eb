// TCP through the lab, with Stronghost and without, rounds alternating between labs that are all
// up.
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/base/status.h"
#include "tests/bench/bench.h"
#include "tests/bench/contenders.h"
#include "tests/bench/control_programs.h"
#include "tests/bench/figures.h"
#include "tests/bench/tcp_load.h"

namespace stronghost::bench {
namespace {

constexpr double kRateGoal = 0.98;
// Places among the contenders.
constexpr size_t kPlain = 0;
constexpr size_t kEmptyTc = 3;
constexpr size_t kEmptyTcAndXdp = 4;
constexpr size_t kRules = 5;
constexpr size_t kRulesMainFirst = 6;

constexpr char kHow[] =
    "A client's namespace, a Linux bridge, and a server with two NICs (veth), all on this machine. "
    "One lab is plain Linux, one has Stronghost with `xdp = \"off\"`, one with `xdp = \"native\"`; "
    "two controls are plain Linux with programs on the same hooks that do nothing at all; one "
    "has what is done by hand without Stronghost, a rule for each address and a table for each "
    "NIC; and one has the agent's rules without its programs: another rule before each, which asks "
    "table main for what is more specific than the default. In each round each lab has its turn, "
    "in an order drawn by lot, while the other agents are stopped. "
    "A turn takes 40 ms: the shorter the turns, the less does the machine change within a round. "
    "Figures are medians of the rounds with quartiles, the ratio is the median of the ratios "
    "within the rounds. Both ends are on the same CPU: each ns that a packet costs is seen, and a "
    "stream does not depend on how two CPUs happen to fall in step. Requests: one byte each way.";

// Values by contender, one a round.
using Series = std::map<std::string, std::vector<double>>;

struct LoadKind {
  std::string name;
  const char* unit;
  // Rates: more is better. Fills in the rate and, if it has one, the CPU time of a unit.
  std::function<absl::StatusOr<RequestRate>(const TcpLoad&)> run;
  bool has_cpu = false;
};

std::vector<LoadKind> AllKinds() {
  const auto stream = [](bool server_sends) {
    return [server_sends](const TcpLoad& load) -> absl::StatusOr<RequestRate> {
      ASSIGN_OR_RETURN(const double rate, StreamMegabytesPerSecond(load, server_sends));
      return RequestRate{.per_second = rate};
    };
  };
  return {{"one stream to the server", "MB/s", stream(false)},
          {"one stream from the server", "MB/s", stream(true)},
          {"requests on one connection", "/s", RequestsPerSecond, true},
          {"a connection for each request", "/s", ConnectionsPerSecond, true}};
}

void AddRows(const LoadKind& kind, const std::string& family, std::vector<Contender>& contenders,
             const Series& rates, const Series& cpu, Report& report) {
  const std::string& plain = contenders[kPlain].name();
  for (size_t i = 1; i < contenders.size(); ++i) {
    const std::string& name = contenders[i].name();
    const auto& values = rates.at(name);
    const double ratio = Quantile(Ratios(values, rates.at(plain)), 0.5);
    Row row =
        AtLeast(absl::StrCat(kind.name, ", ", family, ", ", name),
                absl::StrCat(WithQuartiles(values, 0), " ", kind.unit),
                absl::StrCat(WithQuartiles(rates.at(plain), 0), " ", kind.unit), ratio, kRateGoal);
    if (i >= kEmptyTc) {  // a control has no goal
      row.goal.clear();
      row.met.reset();
    }
    report.rows.push_back(row);
    Progress(absl::StrFormat("%s: ratio %.3f", report.rows.back().what, ratio));
    if (kind.has_cpu) {
      const auto& mine = cpu.at(name);
      const auto& theirs = cpu.at(plain);
      report.details.lines.push_back(
          {report.rows.back().what, WithQuartiles(mine, 0), WithQuartiles(theirs, 0),
           WithQuartiles(Differences(mine, theirs), 0),
           absl::StrFormat("%.3f", Quantile(Ratios(mine, theirs), 0.5))});
    }
  }
}

absl::Status Measure(const LoadKind& kind, int family, int rounds, absl::Duration time,
                     std::vector<Contender>& contenders, Report& report) {
  Series rates;
  Series cpu;
  std::vector<size_t> order(contenders.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::mt19937 random(1122);                           // the same orders in each run
  for (int round = -1; round < rounds; ++round) {      // the first one warms up
    std::shuffle(order.begin(), order.end(), random);  // nobody always follows the same one
    for (const size_t index : order) {
      Contender& contender = contenders[index];
      RETURN_IF_ERROR(GiveWayTo(index, contenders));
      lab::Lab& lab = contender.lab();
      ASSIGN_OR_RETURN(const RequestRate rate, kind.run({lab.client(), lab.server(),
                                                         lab.plan().NicAddress(0, family), time}));
      if (round >= 0) {
        rates[contender.name()].push_back(rate.per_second);
        cpu[contender.name()].push_back(rate.cpu_ns);
      }
    }
  }
  AddRows(kind, family == AF_INET ? "IPv4" : "IPv6", contenders, rates, cpu, report);
  return absl::OkStatus();
}

// Source routing by hand: `ip rule add from ADDRESS lookup TABLE`, and with `main_first` another
// rule for each address before it.
absl::Status AddRulesByHand(lab::Lab& lab, bool main_first) {
  for (const int nic : {0, 1}) {
    const std::string table = absl::StrCat(101 + nic);
    const std::string name = lab::LabPlan::Nic(nic);
    for (const int family : {AF_INET, AF_INET6}) {
      const std::string address = lab.plan().NicAddress(nic, family).ToString();
      const std::string subnet = family == AF_INET ? "198.51.100.0/24" : "2001:db8::/64";
      const std::string gateway = lab::LabPlan::GatewayAddress(0, family).ToString();
      std::vector<std::vector<std::string>> commands = {
          {"rule", "add", "priority", "1001", "from", address, "lookup", table},
          {"route", "add", subnet, "dev", name, "table", table},
          {"route", "add", "default", "via", gateway, "dev", name, "table", table}};
      if (main_first) {
        RETURN_IF_ERROR(lab.server().Check({"ip", "link", "set", name, "group", "5300"}).status());
        commands.push_back({"rule", "add", "priority", "1000", "from", address, "lookup", "main",
                            "suppress_prefixlength", "0", "suppress_ifgroup", "5300"});
      }
      for (const std::vector<std::string>& words : commands) {
        std::vector<std::string> command = {"ip", family == AF_INET ? "-4" : "-6"};
        command.insert(command.end(), words.begin(), words.end());
        RETURN_IF_ERROR(lab.server().Check(command).status());
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Run(const BenchOptions& options, Report& report) {
  report.title = "TCP through Stronghost";
  report.how = kHow;
  report.details.head = {"CPU time of both ends, ns each", "Stronghost", "plain Linux",
                         "difference", "ratio"};
  ASSIGN_OR_RETURN(std::vector<Contender> contenders,
                   MakeContenders({{"plain", std::nullopt, {}},
                                   {"xdp = off", GroupKeys("follow", "off"), {}},
                                   {"xdp = native", GroupKeys("follow", "native"), {}},
                                   {"control: empty tc programs", std::nullopt, {}},
                                   {"control: empty tc and XDP programs", std::nullopt, {}},
                                   {"control: rules by hand", std::nullopt, {}},
                                   {"control: rules by hand, main first", std::nullopt, {}}}));
  RETURN_IF_ERROR(AddRulesByHand(contenders[kRules].lab(), /*main_first=*/false));
  RETURN_IF_ERROR(AddRulesByHand(contenders[kRulesMainFirst].lab(), /*main_first=*/true));
  ASSIGN_OR_RETURN(ControlPrograms controls, ControlPrograms::Load());
  for (const size_t i : {kEmptyTc, kEmptyTcAndXdp}) {
    const lab::NetNs& server = contenders[i].lab().server();
    for (const int nic : {0, 1}) {
      RETURN_IF_ERROR(controls.AttachEmptyTc(server, lab::LabPlan::Nic(nic)));
      if (i == kEmptyTcAndXdp) {
        RETURN_IF_ERROR(controls.AttachEmptyXdp(server, lab::LabPlan::Nic(nic)));
      }
    }
  }
  const absl::Duration time = absl::Milliseconds(40);
  for (const LoadKind& kind : AllKinds()) {
    for (const int family : {AF_INET, AF_INET6}) {
      RETURN_IF_ERROR(Measure(kind, family, options.Rounds(200, 5), time, contenders, report));
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace stronghost::bench

int main(int argc, char** argv) {
  return stronghost::bench::RunBench(argc, argv, stronghost::bench::Run);
}
