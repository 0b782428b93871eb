// The figures that the scenes measure. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "demo/track.h"
#include "tests/lib/stream_result.h"

namespace stronghost::demo {

// Who answered the ARP requests for one address.
struct ArpScore {
  std::string address;
  int asked = 0;
  int answers = 0;
  int not_owner = 0;  // answers with another MAC than the owner's
  int macs = 0;       // different ones
};

// Which way packets left the server, by the source address.
struct WayOutScore {
  uint64_t left = 0;        // packets seen on the switch
  uint64_t left_wrong = 0;  // ... that came by a NIC which doesn't own their source address
};

// The UDP streams of one address family, both ways together.
struct StreamScore {
  uint64_t sent = 0;
  uint64_t lost = 0;
  uint64_t lost_after = 0;  // of those, sent when the cable was back
  int64_t longest_gap_ns = 0;

  // Counts one stream in. `plugged_ns`: CLOCK_MONOTONIC.
  void Add(const lab::StreamResult& result, int64_t plugged_ns);
};

struct TcpScore {
  int sessions = 0;
  int moving = 0;  // carried data both ways to the end of the outage
  int alive = 0;   // every byte arrived, and both ends closed in order
  int64_t longest_silence_ns = 0;
};

struct CableScore {
  StreamScore ipv4;
  StreamScore ipv6;
  TcpScore tcp;
  Picture picture;
};

struct HostScore {
  std::string name;
  std::vector<ArpScore> arp;
  WayOutScore way_out;
  CableScore cable;
};

}  // namespace stronghost::demo
