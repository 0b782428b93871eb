// What became of a stream of numbered packets. Pure: from two logs to figures.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "agent/base/net_types.h"

namespace stronghost::lab {

// All times are CLOCK_MONOTONIC, nanoseconds.
struct Arrival {
  uint64_t sequence = 0;
  int64_t sent_ns = 0;
  int64_t arrived_ns = 0;  // kernel stamp
  uint32_t interface = 0;  // ifindex that it arrived on, as the stack sees it
  IpAddress source;        // as the receiver sees it
};

// Consecutive packets that never arrived.
struct LossSpan {
  uint64_t first = 0;
  uint64_t last = 0;
  int64_t first_sent_ns = 0;
  int64_t last_sent_ns = 0;

  bool operator==(const LossSpan&) const = default;
};

struct StreamResult {
  uint64_t sent = 0;         // sequence numbers used, those that sendto() refused included
  uint64_t send_errors = 0;  // ... of which sendto() refused
  int last_send_error = 0;   // errno
  uint64_t received = 0;     // different packets that arrived
  uint64_t lost = 0;         // sent - received
  uint64_t duplicates = 0;   // arrivals of a packet that had arrived
  uint64_t reordered = 0;    // arrivals with a lower number than one before
  // The longest time without an arrival, and when it began. The first and the last sending bound
  // it, so that a stream that dies for ever shows a gap.
  int64_t longest_gap_ns = 0;
  int64_t longest_gap_begin_ns = 0;
  // The longest time during which packets were sent in vain: from the sending of the first packet
  // of a loss span to that of the first one behind it. Not disturbed by a sender that had no CPU,
  // as the gap above is; compare that with longest_send_gap_ns.
  int64_t longest_outage_ns = 0;
  int64_t longest_send_gap_ns = 0;  // between two sendings
  int64_t longest_delay_ns = 0;     // from sending to arrival
  std::vector<LossSpan> loss_spans;
  std::map<uint32_t, uint64_t> arrivals_by_interface;
  std::map<IpAddress, uint64_t> arrivals_by_source;
  // Arrivals in each bucket of time since the first sending.
  std::vector<uint32_t> timeline;

  // A few lines, for messages of failing tests.
  [[nodiscard]] std::string ToString() const;
};

// `sent_ns[i]` is when packet i was sent.
StreamResult Summarise(const std::vector<int64_t>& sent_ns, const std::vector<Arrival>& arrivals,
                       absl::Duration bucket = absl::Milliseconds(100));

}  // namespace stronghost::lab
