// The three troubles, measured in the lab: with plain Linux, and with the real agent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace stronghost::demo {

// One stream or session over the pulled cable.
struct Row {
  std::string name;
  uint64_t sent = 0;
  uint64_t lost = 0;
  double gap_ms = 0;          // longest time without an arrival
  bool alive = true;          // TCP: both ends closed in order; UDP: it arrived at the end
  std::vector<double> share;  // of each bucket: arrived / expected, 0 to 1
};

struct Figures {
  int arp_requests = 0;
  int arp_answers = 0;
  int arp_macs = 0;        // different MACs for one address, at most
  uint64_t packets = 0;    // sent from eth1's address
  uint64_t wrong_nic = 0;  // of them left by another NIC
  std::vector<Row> rows;
  double pulled_s = 0;  // when the cable was pulled and plugged, on the time line
  double plugged_s = 0;
  double bucket_s = 0;
  std::string status;  // of the agent while the cable is out; "" without one
  std::string homes;   // one bpftool line, likewise
};

// Builds a lab, with the agent on its server if `with_agent`, and measures. About 15 s.
absl::StatusOr<Figures> Measure(bool with_agent);

// A lab with the agent that lives until Enter or a signal; prints the commands to try.
absl::Status KeepLab();

}  // namespace stronghost::demo
