// stronghostd: the event loop, the control socket, the metrics and the log around the engine.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "agent/config/config.h"
#include "agent/daemon/engine.h"
#include "agent/daemon/event_loop.h"
#include "agent/serve/agent_api.h"
#include "agent/serve/metrics.h"
#include "agent/serve/varlink_server.h"

namespace stronghost {

class Daemon : public AgentApi {
 public:
  // `config_path` is read again at SIGHUP.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(Config config, std::string config_path);

  // Until SIGTERM, SIGINT or a detach. The data path stays in force, but for the detach.
  absl::Status Run();

  StatusReport Status() override;
  absl::StatusOr<ExplainReport> Explain(const IpAddress& source, const IpAddress& destination,
                                        const std::string& scope) override;
  absl::Status Detach() override;

 private:
  explicit Daemon(std::string config_path) : config_path_(std::move(config_path)) {}

  absl::Status Open(const Config& config);
  EngineObserver Observer();
  void Reload();
  void AfterTurn();
  void Check(const absl::Status& status);

  std::string config_path_;
  absl::Time started_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<VarlinkServer> server_;
  std::unique_ptr<EventLoop::Timer> poll_;
  std::unique_ptr<EventLoop::Timer> due_;
  std::unique_ptr<EventLoop::Timer> publish_;
};

}  // namespace stronghost
