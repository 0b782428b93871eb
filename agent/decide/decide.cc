#include "agent/decide/decide.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/decide/reply_marks.h"

namespace stronghost {
namespace {

void NoteWhatBreaksRules(const Config& config, std::vector<std::string>& problems) {
  for (const GroupConfig& group : config.groups) {
    if (group.detect.probe == ProbeMode::kAlways) {
      problems.push_back(
          absl::StrCat("group ", group.name,
                       " probes its gateways all the time (probe = \"always\"), which RFC ",
                       "1122 section 3.3.1.4 forbids; write probe = \"on-suspicion\""));
    }
  }
}

void NoteFlapping(Decision& decision) {
  for (const Member& member : decision.members) {
    const NicReach& reach = decision.reach.at(member.name);
    if (!reach.flapping) {
      continue;
    }
    decision.problems.push_back(absl::StrCat(
        member.name, " lost its link more than ", member.group->flap_limit,
        " times within a minute, and is left out until it has held for a minute; look after its ",
        "cable and its switch port"));
    if (reach.up) {
      decision.wake = std::min(decision.wake, reach.since + kCalm);
    }
  }
}

// Whole-group failure: what is on the wires stays there.
void NoteDeadGroups(Decision& decision) {
  std::set<const GroupConfig*> dead;
  for (const Member& member : decision.members) {
    dead.insert(member.group);
  }
  for (const Member& member : decision.members) {
    if (member.usable()) {
      dead.erase(member.group);
    }
  }
  for (const GroupConfig* group : dead) {
    decision.problems.push_back(
        absl::StrCat("group ", group->name,
                     " has no usable NIC: nothing moves until it has; bring "
                     "one of ",
                     absl::StrJoin(group->Members(), ", "), " up"));
  }
}

// Frames on their way to the NIC that addresses leave are delivered to their new home for a while.
void LetLinger(const DecideInput& input, Decision& decision) {
  for (const Relocation& relocation : decision.relocations) {
    const Member* from = FindMember(decision.members, relocation.from);
    const Member* to = FindMember(decision.members, relocation.to);
    if (from == nullptr || from->link == nullptr || !from->link->admin_up || !from->link->carrier ||
        to == nullptr || to->home == HomeIndex::kNone) {
      continue;
    }
    HomeMemory& memory = decision.memory[to->home];
    memory.linger = from->link->index;
    memory.linger_until = input.now + kMoveLinger;
    decision.wake = std::min(decision.wake, memory.linger_until);
  }
}

}  // namespace

Decision Decide(const DecideInput& input) {
  Decision decision;
  const auto members = [&input](const Reach& reach) {
    return FindMembers(input.config, input.facts, input.datapath, input.drained, reach);
  };
  decision.reach = UpdateReach(members(input.reach), input.reach, input.now);
  decision.members = members(decision.reach);
  Placement placement = Place(decision.members, input.memory, input.now);
  decision.memory = std::move(placement.memory);
  NoteFlapping(decision);
  NoteDeadGroups(decision);
  Residences residences = Relocate(
      TakeStock(input.config, input.facts, decision.members, input.added, input.inventory,
                input.bounced, input.now),
      input.facts, decision.members, decision.memory, input.datapath, decision.reach, input.now);
  decision.inventory = std::move(residences.inventory);
  decision.relocations = std::move(residences.relocations);
  std::move(residences.problems.begin(), residences.problems.end(),
            std::back_inserter(decision.problems));
  decision.wake = std::min({placement.wake, residences.wake, decision.wake});
  LetLinger(input, decision);
  decision.datapath = DesiredDatapath(input, decision.members, decision.memory, decision.inventory,
                                      decision.problems);
  decision.kernel = DesiredKernel(input, decision.members, decision.datapath, decision.inventory,
                                  decision.problems);
  decision.reply_marks =
      AddReplyMarks(input, decision.members, decision.datapath, decision.kernel, decision.problems);
  decision.sources = ChooseSources(input.config, input.facts, decision.members, decision.datapath,
                                   decision.problems);
  NoteWhatBreaksRules(input.config, decision.problems);
  return decision;
}

}  // namespace stronghost
