// The ways that a frame can take through the programs, as benchmarked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/packet_world.h"
#include "tests/lib/frame_layers.h"
#include "tests/packet/programs.h"

namespace stronghost::bench {

struct PacketCase {
  std::string name;
  packet::Program program = packet::Program::kSteer;
  MapState maps;
  uint32_t ifindex = 0;  // where the frame is
  lab::Bytes frame;
  uint32_t address_at = 0;  // where the managed address lies in it
  std::optional<packet::Mark> mark;
  int action = 0;                        // what the program has to return
  std::optional<packet::Count> counted;  // and to count; empty: nothing (guard, when it passes)
  bool redirects = false;                // first meetings that send the frame to another NIC
};

std::vector<PacketCase> AllPacketCases(const PacketNics& nics);

}  // namespace stronghost::bench
