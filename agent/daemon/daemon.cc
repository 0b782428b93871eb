#include "agent/daemon/daemon.h"

#include <algorithm>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/base/clock.h"
#include "agent/base/kernel_release.h"
#include "agent/base/status.h"
#include "agent/config/load.h"
#include "agent/daemon/events.h"
#include "agent/daemon/status.h"
#include "agent/observe/host_state.h"
#include "agent/serve/version.h"
#include "agent/serve/watchdog.h"

namespace stronghost {
namespace {

// How old the figures of the metrics page may be; with many addresses older, so that making the
// page takes a hundredth of the time at most.
constexpr absl::Duration kPublish = absl::Seconds(1);
constexpr int kPublishShare = 100;

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const LoadedConfig& loaded,
                                                      std::string config_path) {
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(config_path)));
  RETURN_IF_ERROR(daemon->Open(loaded));
  return daemon;
}

absl::Status Daemon::Open(const LoadedConfig& loaded) {
  const Config& config = loaded.config;
  started_ = MonotonicNow();
  RETURN_IF_ERROR(CheckKernelRelease(KernelRelease()));
  ASSIGN_OR_RETURN(loop_, EventLoop::Create());
  // Before any thread is there: signals stay blocked in all of them.
  RETURN_IF_ERROR(loop_->OnSignal(SIGTERM, [this] { loop_->Exit(0); }));
  RETURN_IF_ERROR(loop_->OnSignal(SIGINT, [this] { loop_->Exit(0); }));
  RETURN_IF_ERROR(loop_->OnSignal(SIGHUP, [this] { Reload(); }));
  metrics_ = std::make_unique<Metrics>();
  // The socket first: where another agent listens, nothing of the machine is touched. Calls are
  // served from Run() on.
  ASSIGN_OR_RETURN(server_, VarlinkServer::Start(loop_->get(), config.socket, this));
  feed_.OnAdd([this] { server_->Wake(); });
  ASSIGN_OR_RETURN(engine_, Engine::Start(loaded, Observer()));
  if (!config.metrics.empty()) {
    if (const absl::Status status = metrics_->Listen(config.metrics); !status.ok()) {
      no_metrics_ = absl::StrCat("no metrics: ", status.message());
      Log(LogLevel::kError, no_metrics_);
    }
  }
  RETURN_IF_ERROR(loop_->OnReadable(engine_->kernel_events_fd(), [this] {
    Check(engine_->OnKernelEvents());
    AfterTurn();
  }));
  RETURN_IF_ERROR(loop_->OnReadable(engine_->bpf_events_fd(), [this] {
    Check(engine_->OnBpfEvents());
    if (tracer_.active()) {
      TellMissed();
      server_->Wake();
    }
    AfterTurn();
  }));
  RETURN_IF_ERROR(loop_->OnReadable(engine_->neighbor_events_fd(),
                                    [this] { Check(engine_->OnNeighborEvents()); }));
  ASSIGN_OR_RETURN(poll_, loop_->AddTimer([this] {
    engine_->OnPoll();
    AfterTurn();
  }));
  ASSIGN_OR_RETURN(due_, loop_->AddTimer([this] {
    engine_->OnDue();
    AfterTurn();
  }));
  ASSIGN_OR_RETURN(missed_, loop_->AddTimer([this] {
    if (tracer_.active()) {
      TellMissed();
    }
  }));
  ASSIGN_OR_RETURN(publish_, loop_->AddTimer([this] {
    const absl::Time begin = MonotonicNow();
    metrics_->Publish(std::make_shared<const StatusReport>(Status()));
    const absl::Time end = MonotonicNow();
    publish_->Set(end + std::max(kPublish, kPublishShare * (end - begin)));
  }));
  AfterTurn();
  if (metrics_->port() != 0) {
    publish_->Set(MonotonicNow());
  }
  Check(StartWatchdog(loop_->get()).status());
  return absl::OkStatus();
}

EngineObserver Daemon::Observer() {
  return {.on_wire_change =
              [this](const WireChange& change) {
                Tell(change.cause == "failback" ? LogLevel::kInfo : LogLevel::kWarning,
                     EventOf(change));
                metrics_->CountFailover(change.group, change.home, change.cause);
                if (change.outage > absl::ZeroDuration()) {
                  metrics_->ObserveOutage(change.outage);
                }
              },
          .on_addresses_moved =
              [this](const AddressesMoved& moved) {
                Tell(moved.cause == "failback" || moved.cause == "moved" ? LogLevel::kInfo
                                                                         : LogLevel::kWarning,
                     EventOf(moved));
                if (moved.cause == "gone") {  // the others had a stand-in, and are counted by it
                  metrics_->CountFailover(moved.group, moved.from, moved.cause);
                }
              },
          .on_nic_change = [this](const NicChange& change) { feed_.Add(EventOf(change)); },
          .on_path_change =
              [this](const PathChange& change) {
                Tell(change.cause.empty() ? LogLevel::kInfo : LogLevel::kWarning, EventOf(change));
              },
          .on_conflict =
              [this](const std::string& conflict) {
                Tell(LogLevel::kWarning, {.event = "conflict", .detail = conflict});
              },
          .on_packet =
              [this](const sh_trace_record& packet) {
                if (tracer_.active()) {
                  const std::string nic = engine_->NameOf(IfIndex{packet.ifindex});
                  tracer_.OnPacket(packet, GroupOf(nic), nic);
                }
              },
          .on_problem =
              [this](const std::string& problem) {
                Tell(LogLevel::kError, {.event = "problem", .detail = problem});
              }};
}

void Daemon::Tell(LogLevel level, Event event) {
  Log(level, event.detail);
  event.time = absl::Now();
  feed_.Add(std::move(event));
}

std::string Daemon::GroupOf(const std::string& nic) const {
  for (const GroupConfig& group : engine_->config().groups) {
    const std::vector<std::string> members = group.Members();
    if (std::find(members.begin(), members.end(), nic) != members.end()) {
      return group.name;
    }
  }
  return "";
}

HomeIndex Daemon::HomeOf(const std::string& nic) const {
  const auto member = engine_->MemberNamed(nic);
  return member.ok() ? (*member)->home : HomeIndex::kNone;
}

void Daemon::Check(const absl::Status& status) {
  if (!status.ok()) {
    Log(LogLevel::kError, status.message());
  }
}

void Daemon::AfterTurn() {
  if (tracer_.active()) {
    tracer_.Refresh();
  }
  due_->Set(engine_->NextDue());
  poll_->Set(engine_->NextPoll());
}

void Daemon::Reload() {
  const LoadedConfig loaded = LoadConfig(config_path_);
  for (const ConfigProblem& problem : loaded.problems) {
    Log(LogLevel::kError, problem.ToString());
  }
  absl::Status status = loaded.ok() ? engine_->Reload(loaded)
                                    : absl::InvalidArgumentError(absl::StrCat(
                                          loaded.problems.size(), " problems in ", config_path_));
  if (status.ok()) {
    Tell(LogLevel::kInfo, {.event = "reload", .detail = absl::StrCat("reloaded ", config_path_)});
  } else {
    Tell(LogLevel::kError,
         {.event = "problem",
          .detail = absl::StrCat("not reloaded, the old configuration stays in force: ",
                                 status.message())});
  }
  AfterTurn();
}

// Sessions go with their clients, when there is no engine any more.
Daemon::~Daemon() {
  tracer_.Stop();
}

absl::Status Daemon::Run() {
  std::vector<std::string> groups;
  for (const GroupConfig& group : engine_->config().groups) {
    groups.push_back(absl::StrCat(group.name, " (", absl::StrJoin(group.Members(), ", "), ")"));
  }
  const std::string line =
      absl::StrCat("stronghostd ", Version(), " serves ", absl::StrJoin(groups, ", "));
  Log(LogLevel::kInfo, line);
  Check(NotifyReady(line));
  const auto code = loop_->Run();
  Check(NotifyStopping());
  if (code.ok() && *code != 0) {
    return absl::InternalError("the detach was not complete; what stayed is told above");
  }
  return code.status();
}

StatusReport Daemon::Status() {
  StatusReport report = MakeStatus(*engine_, started_);
  if (!no_metrics_.empty()) {
    report.problems.push_back(no_metrics_);
  }
  return report;
}

absl::StatusOr<std::unique_ptr<TraceSession>> Daemon::Trace(const TraceOrder& order) {
  Wanted wanted{.address = order.address.value_or(IpAddress()), .nic = order.nic};
  if (!order.nic.empty()) {
    RETURN_IF_ERROR(engine_->MemberNamed(order.nic).status());
  }
  if (!order.verdicts.empty()) {
    ASSIGN_OR_RETURN(wanted.verdicts, VerdictBits(order.verdicts));
  }
  TellMissed();
  return tracer_.Start(std::move(wanted));
}

// The last of them have no record behind them that would wake the loop.
void Daemon::TellMissed() {
  if (tracer_.OnMissed(engine_->datapath().trace_missed())) {
    server_->Wake();
  }
  missed_->Set(MonotonicNow() + absl::Seconds(1));
}

absl::StatusOr<ExplainReport> Daemon::Explain(const IpAddress& source, const IpAddress& destination,
                                              const std::string& scope) {
  return MakeExplain(*engine_, source, destination, scope);
}

absl::StatusOr<DrainReport> Daemon::Drain(const std::string& nic, bool force) {
  auto report = engine_->Drain(nic, force);
  AfterTurn();
  if (report.ok()) {
    Tell(LogLevel::kInfo, {.event = "drain",
                           .group = GroupOf(nic),
                           .nic = nic,
                           .detail = absl::StrCat(nic, " is taken out of service")});
  }
  return report;
}

absl::StatusOr<DrainReport> Daemon::Undrain(const std::string& nic) {
  auto report = engine_->Undrain(nic);
  AfterTurn();
  if (report.ok()) {
    Tell(LogLevel::kInfo, {.event = "undrain",
                           .group = GroupOf(nic),
                           .nic = nic,
                           .detail = absl::StrCat(nic, " is back in service")});
  }
  return report;
}

absl::StatusOr<WhatIfReport> Daemon::WhatIf(const std::vector<std::string>& nics, bool gone) {
  return engine_->WhatIf(nics, gone);
}

absl::StatusOr<MoveReport> Daemon::Move(const IpAddress& address, const std::string& nic) {
  auto report = engine_->Move(address, nic);
  AfterTurn();
  return report;
}

absl::Status Daemon::Detach() {
  const absl::Status status = engine_->Detach();
  if (absl::IsFailedPrecondition(status)) {
    Log(LogLevel::kError, Message(status));
    return status;
  }
  Log(status.ok() ? LogLevel::kInfo : LogLevel::kError, status.ok() ? "detached" : Message(status));
  loop_->Exit(status.ok() ? 0 : 1);
  return status;
}

}  // namespace stronghost
