#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/net_types.h"
#include "agent/serve/event_feed.h"
#include "agent/serve/report.h"
#include "agent/serve/trace_session.h"

namespace stronghost {

// What the control socket can ask of the daemon. Called on the event loop's thread, one call at a
// time; a call blocks the loop, so it answers from what is known. A status that is not OK reaches
// the user as "message; mend" (see SplitMend), so its message has to name both.
class AgentApi {
 public:
  AgentApi() = default;
  AgentApi(const AgentApi&) = delete;
  AgentApi& operator=(const AgentApi&) = delete;
  virtual ~AgentApi() = default;

  virtual StatusReport Status() = 0;

  // What happens, for whoever watches. It lives as long as the agent.
  virtual EventFeed& Events() = 0;

  // Packets as events, from now on. A NIC or verdict that there is not is refused.
  virtual absl::StatusOr<std::unique_ptr<TraceSession>> Trace(const TraceOrder& order) = 0;

  // Both addresses are of one family. `scope` is the NIC that was named behind '%' ("fe80::1%eth0")
  // with either address; "" when none was.
  virtual absl::StatusOr<ExplainReport> Explain(const IpAddress& source,
                                                const IpAddress& destination,
                                                const std::string& scope) = 0;

  // Takes a NIC out of service, and back. A drain that leaves a group without a usable NIC is
  // refused, unless `force`.
  virtual absl::StatusOr<DrainReport> Drain(const std::string& nic, bool force) = 0;
  virtual absl::StatusOr<DrainReport> Undrain(const std::string& nic) = 0;

  // What would happen if these members lost their link now, or (`gone`) were removed. Changes
  // nothing.
  virtual absl::StatusOr<WhatIfReport> WhatIf(const std::vector<std::string>& nics, bool gone) = 0;

  // Makes an address live on another NIC of its group, for good. It is not link-local.
  virtual absl::StatusOr<MoveReport> Move(const IpAddress& address, const std::string& nic) = 0;

  // Removes the data path and makes the loop exit (sd_event_exit). The reply is written before the
  // loop gets control again.
  virtual absl::Status Detach() = 0;
};

}  // namespace stronghost
