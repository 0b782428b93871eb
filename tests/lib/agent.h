// The real stronghostd in a namespace, and the real `stronghost` to talk to it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/lib/bpffs.h"
#include "tests/lib/netns.h"
#include "tests/lib/process.h"

namespace stronghost::lab {

struct AgentOptions {
  // TOML: everything but [agent] socket, pin_dir, state_dir and metrics, which are the test's own.
  std::string groups;
  // Further keys of [agent], one a line: "host_model = \"weak\"".
  std::string agent_keys;
  // The cgroup whose UDP answers are mended: one of the test's own, never the machine's.
  std::string cgroup;
};

// "[[group]]" with these NICs and further keys, one a line.
std::string GroupToml(const std::vector<std::string>& nics, const std::string& keys = "");

// A daemon with pins, socket and state folder of its own. Move-only. The destructor kills the
// daemon and removes pins and folders; what was attached goes with the namespace.
class Agent {
 public:
  // Starts the daemon in `netns`; on return its control socket answers.
  static absl::StatusOr<Agent> Start(const NetNs& netns, const AgentOptions& options);
  // Everything but the daemon: for tests of its start.
  static absl::StatusOr<Agent> Prepare(const NetNs& netns, const AgentOptions& options);

  Agent(Agent&& other) noexcept
      : netns_(other.netns_),
        pins_(std::move(other.pins_)),
        folder_(std::exchange(other.folder_, "")),
        daemon_(std::move(other.daemon_)) {}
  Agent& operator=(Agent&&) = delete;
  ~Agent();

  // Starts (again), after Prepare(), Kill() or a stop.
  // `wrapper`: a command that starts it (setpriv ...).
  absl::Status StartDaemon(std::vector<std::string> wrapper = {});
  // Rewrites the configuration file; nothing else.
  absl::Status WriteConfig(const AgentOptions& options);
  // SIGKILL, and waits for the end.
  absl::Status Kill();
  // SIGTERM, and waits for the end; returns the exit status.
  absl::StatusOr<int> Stop();

  // `stronghost --socket ... ARGS` in the daemon's namespace.
  absl::StatusOr<ExecResult> Command(std::vector<std::string> args) const;
  // `status --json`, parsed.
  absl::StatusOr<nlohmann::json> Status() const;
  // Polls the status until `wire` carries `ip`.
  absl::Status AwaitWire(const std::string& ip, const std::string& wire,
                         absl::Duration deadline = absl::Seconds(10)) const;
  // Polls the status until the NIC is in this state.
  absl::Status AwaitState(const std::string& nic, const std::string& state,
                          absl::Duration deadline = absl::Seconds(10)) const;

  [[nodiscard]] const std::string& pin_dir() const { return pins_.path(); }
  [[nodiscard]] std::string config_path() const { return folder_ + "/stronghost.toml"; }
  [[nodiscard]] std::string socket_path() const { return folder_ + "/s.sock"; }
  [[nodiscard]] std::string state_dir() const { return folder_ + "/state"; }
  [[nodiscard]] const Process& process() const { return *daemon_; }
  // Everything that the daemon logged since it was last started.
  [[nodiscard]] std::string Log() const { return daemon_ ? daemon_->Output() : ""; }
  // How often it says `text`.
  [[nodiscard]] int TimesLogged(const std::string& text) const;

 private:
  Agent(const NetNs& netns, PinFolder pins, std::string folder)
      : netns_(&netns), pins_(std::move(pins)), folder_(std::move(folder)) {}

  const NetNs* netns_;
  PinFolder pins_;
  std::string folder_;
  std::optional<Process> daemon_;
};

// Path of one of the project's programs: they lie beside the running test.
std::string ProgramPath(const std::string& name);

// The wire of an address in a status; "" when it is not there or has none.
std::string WireOf(const nlohmann::json& status, const std::string& ip);

}  // namespace stronghost::lab
