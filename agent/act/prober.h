// Puts questions for neighbours on a NIC, exactly as they are: the only place that sends them.
#pragma once

#include "absl/status/status.h"
#include "agent/act/announce_frames.h"
#include "agent/base/net_types.h"
#include "agent/base/unique_fd.h"

namespace stronghost {

// One packet socket (packet(7)), opened at the first frame in the network namespace of the calling
// thread. Frames go past the qdisc and tc (PACKET_QDISC_BYPASS): a question tests the NIC that it
// is put on, and steer, which knows only wires, would take it elsewhere. It receives nothing.
class Prober {
 public:
  // Error: the NIC is full, say, and the frame is lost. It is lost on a NIC that is down or gone as
  // well, which is no error: the link's own event says so.
  absl::Status Send(IfIndex nic, const Frame& frame);

 private:
  UniqueFd socket_;
};

}  // namespace stronghost
