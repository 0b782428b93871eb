#include "agent/decide/decide.h"

#include "absl/strings/str_cat.h"

namespace stronghost {
namespace {

// Settings that are good, and that this version does nothing about.
void NoteWhatIsNotInForce(const Config& config, std::vector<std::string>& problems) {
  for (const GroupConfig& group : config.groups) {
    if (group.relocate_after != absl::InfiniteDuration()) {
      problems.push_back(absl::StrCat("relocate_after of group ", group.name,
                                      " is not in force: this version moves no addresses, another "
                                      "NIC serves them for as long as it takes"));
    }
    if (group.detect.probe == ProbeMode::kAlways || !group.detect.probe_targets.empty()) {
      problems.push_back(absl::StrCat("[group.detect] probe of group ", group.name,
                                      " is not in force: this version sends no probes"));
    }
  }
}

}  // namespace

Decision Decide(const DecideInput& input) {
  Decision decision;
  decision.members = FindMembers(input.config, input.facts, input.datapath, input.drained);
  Placement placement = Place(decision.members, input.memory, input.now);
  decision.memory = std::move(placement.memory);
  decision.wake = placement.wake;
  decision.datapath = DesiredDatapath(input, decision.members, decision.memory, decision.problems);
  decision.kernel = DesiredKernel(input, decision.members, decision.datapath, decision.problems);
  NoteWhatIsNotInForce(input.config, decision.problems);
  return decision;
}

}  // namespace stronghost
