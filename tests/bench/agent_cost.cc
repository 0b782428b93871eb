// What the agent costs with 1, 1,000 and 10,000 addresses: its start, its memory, its idling.
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "agent/base/status.h"
#include "tests/bench/bench.h"
#include "tests/bench/figures.h"
#include "tests/bench/measured_daemon.h"
#include "tests/lib/await.h"
#include "tests/lib/lab.h"
#include "tests/packet/programs.h"

namespace stronghost::bench {
namespace {

constexpr std::array kSizes = {1, 1000, 10'000};

constexpr char kHow[] =
    "A server with two NICs that holds 1, 1,000 or 10,000 IPv4 addresses, divided among them and "
    "adopted. *First start*: nothing is there, from fork to `READY=1`; before the next one, "
    "`stronghost detach` puts everything back. *Restart*: maps and programs are in force. Idle: "
    "all three at once, some seconds after their start, over the same time (a reconciliation every "
    "10 s included); each asks for its NICs' carriers ten times a second, or once where a program "
    "at `netif_carrier_off()` is told. The peer is the same with 1 "
    "address. "
    "Medians of the rounds with quartiles.";

// A server with addresses, and what was measured on it.
struct Host {
  int addresses = 0;
  std::unique_ptr<lab::Lab> lab;
  std::optional<lab::Agent> agent;  // configuration and folders; the daemon is `daemon`
  std::optional<MeasuredDaemon> daemon;
  std::vector<double> first_ms, first_cpu_ms, restart_ms, restart_cpu_ms;
  double idle_us_per_second = 0;
};

// 198.18.0.0/15, which RFC 2544 keeps for benchmarks.
std::string AddressText(int number) {
  return absl::StrFormat("198.%d.%d.%d/15", 18 + (number >> 16), (number >> 8) & 255, number & 255);
}

absl::StatusOr<Host> MakeHost(int addresses) {
  Host host{.addresses = addresses};
  lab::LabOptions options;
  options.server_addresses = false;
  ASSIGN_OR_RETURN(host.lab, lab::Lab::Create(options));
  std::string commands;
  for (int i = 0; i < addresses; ++i) {
    absl::StrAppend(&commands, "addr add ", AddressText(i + 1), " dev eth", i % 2, "\n");
  }
  RETURN_IF_ERROR(host.lab->server().IpBatch(commands));
  return host;
}

absl::Status Prepare(Host& host) {
  host.daemon.reset();
  host.agent.reset();
  ASSIGN_OR_RETURN(
      lab::Agent agent,
      lab::Agent::Prepare(host.lab->server(), {.groups = lab::GroupToml({"eth0", "eth1"})}));
  host.agent.emplace(std::move(agent));
  return absl::OkStatus();
}

absl::Status StartDaemon(Host& host) {
  ASSIGN_OR_RETURN(MeasuredDaemon daemon, MeasuredDaemon::Start(host.lab->server(), *host.agent));
  host.daemon.emplace(std::move(daemon));
  return absl::OkStatus();
}

absl::Status Detach(Host& host) {
  ASSIGN_OR_RETURN(const lab::ExecResult result, host.agent->Command({"detach"}));
  if (!result.ok()) {
    return absl::InternalError(absl::StrCat("detach: ", result.output, host.daemon->Log()));
  }
  return host.daemon->AwaitEnd();
}

absl::Status MeasureStarts(Host& host) {
  RETURN_IF_ERROR(Prepare(host));
  RETURN_IF_ERROR(StartDaemon(host));
  host.first_ms.push_back(host.daemon->ready_ms());
  host.first_cpu_ms.push_back(host.daemon->ready_cpu_ms());
  RETURN_IF_ERROR(host.daemon->Stop());
  RETURN_IF_ERROR(StartDaemon(host));
  host.restart_ms.push_back(host.daemon->ready_ms());
  host.restart_cpu_ms.push_back(host.daemon->ready_cpu_ms());
  Progress(absl::StrFormat("%d addresses: first start %.0f ms, restart %.0f ms", host.addresses,
                           host.first_ms.back(), host.restart_ms.back()));
  return absl::OkStatus();
}

absl::Status MeasureIdle(std::vector<Host>& hosts, absl::Duration settle, absl::Duration time) {
  absl::SleepFor(settle);
  std::vector<double> before;
  const int64_t begin = lab::MonotonicNow();
  for (const Host& host : hosts) {
    before.push_back(host.daemon->CpuNs());
  }
  absl::SleepFor(time);
  const double seconds = static_cast<double>(lab::MonotonicNow() - begin) / 1e9;
  for (size_t i = 0; i < hosts.size(); ++i) {
    hosts[i].idle_us_per_second = (hosts[i].daemon->CpuNs() - before[i]) / 1e3 / seconds;
  }
  return absl::OkStatus();
}

// The verifier's share of a first start: loading the object into a process that does nothing else.
absl::StatusOr<std::vector<double>> MeasureLoad(int rounds) {
  std::vector<double> cpu_ms;
  for (int round = 0; round < rounds; ++round) {
    const double begin = ThreadCpuNs();
    RETURN_IF_ERROR(packet::Programs::Load(/*can_read_carrier=*/true).status());
    cpu_ms.push_back((ThreadCpuNs() - begin) / 1e6);
  }
  return cpu_ms;
}

void AddTimes(const char* what, const Host& host, const std::vector<double>& mine,
              const std::vector<double>& peer, Report& report) {
  report.rows.push_back({.what = absl::StrFormat("%s, addresses: %d", what, host.addresses),
                         .figure = absl::StrCat(WithQuartiles(mine, 0), " ms"),
                         .peer = absl::StrCat(WithQuartiles(peer, 0), " ms"),
                         .ratio = Quantile(Ratios(mine, peer), 0.5)});
}

void AddNumber(const char* what, const char* unit, const Host& host, double mine, double peer,
               Report& report) {
  report.rows.push_back({.what = absl::StrFormat("%s, addresses: %d", what, host.addresses),
                         .figure = absl::StrFormat("%.1f %s", mine, unit),
                         .peer = absl::StrFormat("%.1f %s", peer, unit),
                         .ratio = mine / peer});
}

absl::Status AddRows(const std::vector<Host>& hosts, Report& report) {
  const Host& one = hosts.front();
  for (const Host& host : hosts) {
    AddTimes("first start", host, host.first_ms, one.first_ms, report);
    AddTimes("... of it CPU time", host, host.first_cpu_ms, one.first_cpu_ms, report);
    AddTimes("restart", host, host.restart_ms, one.restart_ms, report);
    AddTimes("... of it CPU time", host, host.restart_cpu_ms, one.restart_cpu_ms, report);
    AddNumber("idle, CPU time a second", "us", host, host.idle_us_per_second,
              one.idle_us_per_second, report);
    for (const char* line : {"Rss", "Pss"}) {
      ASSIGN_OR_RETURN(const double mine, host.daemon->MemoryMiB(line));
      ASSIGN_OR_RETURN(const double peer, one.daemon->MemoryMiB(line));
      AddNumber(line, "MiB", host, mine, peer, report);
    }
  }
  return absl::OkStatus();
}

absl::Status Run(const BenchOptions& options, Report& report) {
  report.title = "The agent";
  report.how = kHow;
  ASSIGN_OR_RETURN(const std::vector<double> load, MeasureLoad(options.Rounds(11, 3)));
  report.rows.push_back({.what = "loading the programs alone (verifier, JIT, maps), CPU time",
                         .figure = absl::StrCat(WithQuartiles(load, 1), " ms")});
  std::vector<Host> hosts;
  for (const int addresses : kSizes) {
    ASSIGN_OR_RETURN(Host host, MakeHost(addresses));
    hosts.push_back(std::move(host));
  }
  const int rounds = options.Rounds(7, 2);
  for (int round = 0; round < rounds; ++round) {
    for (Host& host : hosts) {
      if (round > 0) {
        RETURN_IF_ERROR(Detach(host));
      }
      RETURN_IF_ERROR(MeasureStarts(host));
    }
  }
  RETURN_IF_ERROR(MeasureIdle(hosts, absl::Seconds(options.quick ? 1 : 5),
                              absl::Seconds(options.quick ? 3 : 30)));
  return AddRows(hosts, report);
}

}  // namespace
}  // namespace stronghost::bench

int main(int argc, char** argv) {
  return stronghost::bench::RunBench(argc, argv, stronghost::bench::Run);
}
