// config x facts x now -> desired state. No clock is read and no socket opened here: every rule is
// tested by table and by random event sequences.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/config/config.h"
#include "agent/decide/desired.h"
#include "agent/decide/facts.h"
#include "agent/decide/members.h"
#include "agent/decide/placement.h"

namespace stronghost {

struct DecideInput {
  const Config& config;
  const Facts& facts;
  const Memory& memory;           // paths as the map holds them now
  const DatapathState& datapath;  // what the maps hold now: home indexes are kept
  const std::set<std::string>& drained;
  absl::Time now;
};

struct Decision {
  std::vector<Member> members;  // points into the input's config and facts
  DatapathState datapath;
  KernelState kernel;
  Memory memory;
  absl::Time wake = absl::InfiniteFuture();
  // What is wrong and how to mend it, for status; nothing here stops the rest.
  std::vector<std::string> problems;
};

Decision Decide(const DecideInput& input);

// The parts, each pure as well.
DatapathState DesiredDatapath(const DecideInput& input, const std::vector<Member>& members,
                              const Memory& memory, std::vector<std::string>& problems);
KernelState DesiredKernel(const DecideInput& input, const std::vector<Member>& members,
                          const DatapathState& datapath, std::vector<std::string>& problems);

}  // namespace stronghost
