// Weighted rendezvous hashing: of each slot every address draws a number, and the highest has it.
#include <cmath>

#include "agent/decide/source_choice.h"

namespace stronghost {
namespace {

// splitmix64, by Sebastiano Vigna (public domain).
uint64_t Scatter(uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

// The same on every machine and in every run.
uint64_t HashOf(const IpAddress& address) {
  uint64_t hash = 0;
  for (const uint8_t byte : address.mapped()) {
    hash = Scatter(hash ^ byte);
  }
  return hash;
}

// A number in (0, 1).
double Draw(uint64_t address_hash, int slot) {
  const uint64_t hash = Scatter(address_hash + static_cast<uint64_t>(slot));
  return (static_cast<double>(hash >> 11U) + 0.5) * 0x1p-53;
}

}  // namespace

SourceSlots FillSlots(const std::vector<std::pair<IpAddress, int>>& weights) {
  std::vector<uint64_t> hashes;
  hashes.reserve(weights.size());
  for (const auto& [address, weight] : weights) {
    hashes.push_back(HashOf(address));
  }
  SourceSlots slots;
  for (int slot = 0; slot < kSourceSlots && !weights.empty(); ++slot) {
    size_t best = 0;
    double best_score = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      const double score = -weights[i].second / std::log(Draw(hashes[i], slot));
      if (score > best_score) {
        best = i;
        best_score = score;
      }
    }
    slots.push_back(weights[best].first);
  }
  return slots;
}

}  // namespace stronghost
