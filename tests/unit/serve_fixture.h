// What the tests of agent/serve/ and agent/cli/ share: a fake agent, a server that runs on a
// thread of its own, and a client that sends raw bytes.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/base/unique_fd.h"
#include "agent/serve/agent_api.h"
#include "agent/serve/varlink_message.h"
#include "agent/serve/varlink_server.h"

namespace stronghost::testing {

// A folder of its own under /tmp, removed with all that is in it.
class TempFolder {
 public:
  TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();
  [[nodiscard]] std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Two NICs in a group: eth0 is down, eth1 stands in for it; IPv4, IPv6 and a link-local address.
StatusReport SampleStatus();
// One group whose home eth0 has `count` addresses.
StatusReport LargeStatus(int count);
ExplainReport SampleExplain();

// Answers what it is told to. Set the fields before the server starts.
class FakeAgent : public AgentApi {
 public:
  StatusReport Status() override;
  EventFeed& Events() override { return feed; }
  absl::StatusOr<std::unique_ptr<TraceSession>> Trace(const TraceOrder& order) override;
  absl::StatusOr<ExplainReport> Explain(const IpAddress& source, const IpAddress& destination,
                                        const std::string& scope) override;
  absl::StatusOr<DrainReport> Drain(const std::string& nic, bool force) override;  // an event too
  absl::StatusOr<DrainReport> Undrain(const std::string& nic) override;
  absl::StatusOr<WhatIfReport> WhatIf(const std::vector<std::string>& nics, bool gone) override;
  absl::StatusOr<MoveReport> Move(const IpAddress& address, const std::string& nic) override;
  absl::Status Detach() override;  // makes the loop exit if it succeeds

  StatusReport status = SampleStatus();
  absl::StatusOr<ExplainReport> explain = SampleExplain();
  absl::StatusOr<DrainReport> drain = DrainReport{"eth0", "drained", "eth1", 2};
  absl::StatusOr<WhatIfReport> what_if = WhatIfReport{};
  absl::StatusOr<MoveReport> move = MoveReport{"198.51.100.1", "eth0", "eth1", 0, 0};
  absl::Status detach;
  absl::Status trace;          // of its start
  std::vector<Event> packets;  // what it shows
  sd_event* loop = nullptr;
  EventFeed feed;
  std::atomic<int> status_calls{0};
  std::atomic<int> detach_calls{0};
  std::string asked;  // arguments of the last call that has any
};

// A VarlinkServer on a thread, from construction to Stop(), or until the agent is detached.
class ServerThread {
 public:
  ServerThread(const std::string& path, FakeAgent* agent, VarlinkServer::Limits limits = {});
  ServerThread(const ServerThread&) = delete;
  ServerThread& operator=(const ServerThread&) = delete;
  ~ServerThread() { Stop(); }

  [[nodiscard]] const absl::Status& started() const { return started_; }
  void Stop();

 private:
  sd_event* loop_ = nullptr;
  std::unique_ptr<VarlinkServer> server_;
  UniqueFd stop_;
  absl::Status started_;
  std::thread thread_;
};

// A client without manners. All waiting is bounded by ten seconds.
class RawClient {
 public:
  explicit RawClient(const std::string& path);

  [[nodiscard]] bool connected() const { return fd_.valid(); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  // False: the server hung up, or its buffers are full.
  bool Send(absl::string_view bytes);
  void CloseSending();
  // The next message; none where the server hangs up or nothing comes.
  std::optional<std::string> Receive();
  // True: the server hangs up, with nothing further said.
  bool HungUp();

 private:
  UniqueFd fd_;
  VarlinkFramer framer_{kMaxVarlinkReply};
};

// A call as bytes, NUL included.
std::string Call(const std::string& method, const Json& parameters = Json::object());

}  // namespace stronghost::testing
