// Puts announcement frames on the wires: the only place that sends them.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/act/announce_schedule.h"
#include "agent/base/net_types.h"
#include "agent/base/unique_fd.h"

namespace stronghost {

// Frames of one wire that could not be sent, and why.
struct SendFailure {
  IfIndex wire = IfIndex::kNone;
  size_t frames = 0;
  absl::Status status;  // of the first of them
};

struct SendReport {
  size_t sent = 0;
  // At most one a wire. None of a wire that is down or gone: its link event says so.
  std::vector<SendFailure> failures;
};

// Sends through one packet socket a wire (packet(7)), opened at the first frame in the network
// namespace of the calling thread. The sockets receive nothing (protocol 0). Frames take the
// ordinary way through tc and the qdisc, so captures on this host show them and steering has the
// last word on them.
//
// Failure: a wire that is down, gone or full costs its own frames only. They are not kept: the
// schedule repeats what matters, and a wire that went down is no longer the wire, unless nothing
// else is left.
class Announcer {
 public:
  SendReport Send(const std::vector<DueFrame>& frames);

  // Closes the socket of a wire that is gone.
  void Forget(IfIndex wire) { sockets_.erase(wire); }

 private:
  absl::StatusOr<int> SocketOf(IfIndex wire);
  void SendOn(IfIndex wire, const std::vector<const Frame*>& frames, SendReport& report);

  absl::btree_map<IfIndex, UniqueFd> sockets_;
};

}  // namespace stronghost
