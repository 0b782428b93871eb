// stronghostd: the event loop, the control socket, the metrics and the log around the engine.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "agent/config/load.h"
#include "agent/daemon/engine.h"
#include "agent/daemon/event_loop.h"
#include "agent/daemon/log.h"
#include "agent/serve/agent_api.h"
#include "agent/serve/metrics.h"
#include "agent/serve/varlink_server.h"
#include "agent/trace/tracer.h"

namespace stronghost {

class Daemon : public AgentApi {
 public:
  // `loaded` is without problems. `config_path` is read again at SIGHUP.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const LoadedConfig& loaded,
                                                       std::string config_path);

  // Until SIGTERM, SIGINT or a detach. The data path stays in force, but for the detach. Internal
  // error: a detach left something behind.
  absl::Status Run();

  ~Daemon() override;

  StatusReport Status() override;
  EventFeed& Events() override { return feed_; }
  absl::StatusOr<std::unique_ptr<TraceSession>> Trace(const TraceOrder& order) override;
  absl::StatusOr<ExplainReport> Explain(const IpAddress& source, const IpAddress& destination,
                                        const std::string& scope) override;
  absl::StatusOr<DrainReport> Drain(const std::string& nic, bool force) override;
  absl::StatusOr<DrainReport> Undrain(const std::string& nic) override;
  absl::StatusOr<WhatIfReport> WhatIf(const std::vector<std::string>& nics, bool gone) override;
  absl::StatusOr<MoveReport> Move(const IpAddress& address, const std::string& nic) override;
  absl::Status Detach() override;

 private:
  explicit Daemon(std::string config_path)
      : config_path_(std::move(config_path)),
        tracer_([this](const auto& filter) { engine_->datapath().SetTrace(filter); },
                [this](const std::string& nic) { return HomeOf(nic); }) {}

  absl::Status Open(const LoadedConfig& loaded);
  EngineObserver Observer();
  // Logs its detail, and lets watchers know. Its time is set here.
  void Tell(LogLevel level, Event event);
  [[nodiscard]] std::string GroupOf(const std::string& nic) const;
  [[nodiscard]] HomeIndex HomeOf(const std::string& nic) const;
  void TellMissed();
  void Reload();
  void AfterTurn();
  void Check(const absl::Status& status);

  std::string config_path_;
  absl::Time started_;
  EventFeed feed_;
  std::unique_ptr<EventLoop> loop_;
  Tracer tracer_;  // goes after the server, whose clients have the sessions
  // Goes after the engine: its hang-up tells `stronghost detach` that all is put away.
  std::unique_ptr<VarlinkServer> server_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<EventLoop::Timer> poll_;
  std::unique_ptr<EventLoop::Timer> due_;
  std::unique_ptr<EventLoop::Timer> missed_;
  std::unique_ptr<EventLoop::Timer> publish_;
  std::string no_metrics_;  // why there are none, if they are wanted
};

}  // namespace stronghost
