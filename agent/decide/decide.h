// config x facts x now -> desired state. No clock is read and no socket opened here: every rule is
// tested by table and by random event sequences.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/config/config.h"
#include "agent/decide/desired.h"
#include "agent/decide/facts.h"
#include "agent/decide/host_default.h"
#include "agent/decide/inventory.h"
#include "agent/decide/members.h"
#include "agent/decide/placement.h"
#include "agent/decide/residence.h"
#include "agent/decide/source_choice.h"

namespace stronghost {

// What listening to the gateways found; see group_paths.h. That a NIC's path is dead is in Reach.
struct PathFindings {
  std::set<std::string> watched;  // NICs whose gateways are listened to
  // Gateways of a home that come last in its tables, by the home's name.
  std::set<std::pair<std::string, IpAddress>> avoided;
  DeadGateways dead;  // also where no other of the group is better

  bool operator==(const PathFindings&) const = default;
};

struct DecideInput {
  const Config& config;
  const Facts& facts;
  const Memory& memory;           // paths as the map holds them now
  const DatapathState& datapath;  // what the maps hold now: home indexes are kept
  const std::set<std::string>& drained;
  const Inventory& inventory;        // as the last decision left it
  const AddedAddresses& added;       // what the agent added itself
  const Reach& reach;                // as the last decision left it
  const std::set<IfIndex>& bounced;  // links that were down since the last decision
  absl::Time now;
  PathFindings paths = {};
};

// Address -> the socket mark by which routing chooses it; see reply_marks.h.
using ReplyMarks = absl::btree_map<IpAddress, uint32_t>;

struct Decision {
  std::vector<Member> members;  // points into the input's config and facts
  DatapathState datapath;
  KernelState kernel;
  Memory memory;
  Inventory inventory;
  Reach reach;
  ReplyMarks reply_marks;
  SourceState sources;
  std::vector<Relocation> relocations;  // addresses that get another home now
  absl::Time wake = absl::InfiniteFuture();
  // What is wrong and how to mend it, for status; nothing here stops the rest.
  std::vector<std::string> problems;
};

Decision Decide(const DecideInput& input);

// The parts, each pure as well.
DatapathState DesiredDatapath(const DecideInput& input, const std::vector<Member>& members,
                              const Memory& memory, const Inventory& inventory,
                              std::vector<std::string>& problems);
// The order of KernelState::routes: the kernel looks for the gateways of the others among those
// that are on-link.
bool OnLinkFirst(const RouteFact& a, const RouteFact& b);
KernelState DesiredKernel(const DecideInput& input, const std::vector<Member>& members,
                          const DatapathState& datapath, const Inventory& inventory,
                          std::vector<std::string>& problems);

}  // namespace stronghost
