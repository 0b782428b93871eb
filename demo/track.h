// What became of one stream or session over time: a line of the picture. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/lib/stream_result.h"

namespace stronghost::demo {

// A stretch in which nothing arrived. Seconds since the picture's begin.
struct Gap {
  double begin = 0;
  double end = 0;
  uint64_t lost = 0;  // packets; 0 where they can't be counted (TCP)

  bool operator==(const Gap&) const = default;
};

// Gaps are in order and don't overlap.
struct Track {
  std::string label;  // "IPv4 to server"
  std::string note;   // figures that stand beside it
  std::vector<Gap> gaps;
};

// Seconds since the picture's begin.
struct Moments {
  double length = 0;
  double pulled = 0;
  double plugged = 0;
  std::optional<double> home;  // the NIC's traffic is back on it
};

struct Picture {
  std::string title;  // "plain Linux"
  Moments moments;
  std::vector<Track> tracks;
};

// How much of [begin, end) the gaps cover, 0 to 1.
double CoveredShare(const Track& track, double begin, double end);

// True if a gap begins or goes on in [begin, end), however short it is.
bool HasGap(const Track& track, double begin, double end);

// The runs of lost packets of a stream. `start_ns` (CLOCK_MONOTONIC) is the picture's begin; a
// packet stands for `interval` seconds.
std::vector<Gap> LossGaps(const lab::StreamResult& result, int64_t start_ns, double interval);

}  // namespace stronghost::demo
