#include "agent/decide/decide.h"

namespace stronghost {

Decision Decide(const DecideInput& input) {
  Decision decision;
  decision.members = FindMembers(input.config, input.facts, input.datapath, input.drained);
  Placement placement = Place(decision.members, input.memory, input.now);
  decision.memory = std::move(placement.memory);
  decision.wake = placement.wake;
  decision.datapath = DesiredDatapath(input, decision.members, decision.memory, decision.problems);
  decision.kernel = DesiredKernel(input, decision.members, decision.datapath, decision.problems);
  return decision;
}

}  // namespace stronghost
