// The traffic that the cable is pulled under: UDP streams and TCP sessions of the address that eth0
// owns, in both directions, IPv4 and IPv6.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "demo/score.h"
#include "demo/silence_watch.h"
#include "demo/stage.h"
#include "tests/lib/stream.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::demo {

// Move-only; ends with Finish() or destruction.
class CableLoad {
 public:
  // On return all of it flows.
  static absl::StatusOr<CableLoad> Start(Stage& stage);

  [[nodiscard]] int64_t start_ns() const { return start_ns_; }  // CLOCK_MONOTONIC

  // TCP sessions in which something arrived, each way, in the last `window`.
  [[nodiscard]] int MovingSessions(absl::Duration window) const;

  // Ends everything and sums up: all of the score but the picture's title and moments and
  // tcp.moving. `plugged_ns`: when the cable was back.
  CableScore Finish(int64_t plugged_ns);

 private:
  struct NamedStream {
    std::string label;
    int family;
    lab::Stream stream;
  };
  struct NamedSession {
    std::string label;
    std::unique_ptr<lab::TcpSession> session;
    std::unique_ptr<SilenceWatch> watch;  // goes first
  };

  absl::Status StartStreams(Stage& stage, bool to_server);
  absl::Status StartSessions(Stage& stage);
  void FinishStream(NamedStream& named, int64_t plugged_ns, CableScore& score) const;
  void FinishSession(NamedSession& named, CableScore& score) const;

  int64_t start_ns_ = 0;
  std::vector<NamedStream> streams_;
  std::vector<NamedSession> sessions_;
};

}  // namespace stronghost::demo
