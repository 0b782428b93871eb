#include "demo/stage.h"

#include <sys/socket.h>

#include "agent/base/status.h"

namespace stronghost::demo {

absl::StatusOr<Stage> Stage::Build(bool with_agent) {
  ASSIGN_OR_RETURN(std::unique_ptr<lab::Lab> lab, lab::Lab::Create());
  Stage stage(std::move(lab));
  if (with_agent) {
    RETURN_IF_ERROR(stage.StartAgent());
  }
  return stage;
}

absl::Status Stage::StartAgent() {
  // Failback is quick, so that it is seen.
  ASSIGN_OR_RETURN(
      lab::Agent agent,
      lab::Agent::Start(lab_->server(), {.groups = lab::GroupToml({"eth0", "eth1"},
                                                                  "gateways = [\"198.51.100.254\", "
                                                                  "\"2001:db8::fe\"]\n"
                                                                  "failback = \"2s\"")}));
  agent_.emplace(std::move(agent));
  for (const int family : {AF_INET, AF_INET6}) {
    for (int nic = 0; nic < 2; ++nic) {
      RETURN_IF_ERROR(
          agent_->AwaitWire(plan().NicAddress(nic, family).ToString(), lab::LabPlan::Nic(nic)));
    }
  }
  return absl::OkStatus();
}

}  // namespace stronghost::demo
