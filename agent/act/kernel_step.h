// The single changes that turn the kernel from what it is to what it should be. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "agent/decide/desired.h"
#include "agent/decide/facts.h"

namespace stronghost {

struct AddAddress {
  AddressFact address;
  bool moved = false;  // somebody else's, that only moves: never recorded as the agent's
  bool operator==(const AddAddress&) const = default;
};

struct DeleteAddress {
  AddressFact address;
  // IPv4: the others of the same subnet, that the kernel deletes together with the first of them
  // unless promote_secondaries is 1. They are added again at once, where it did.
  std::vector<AddressFact> keep;
  bool operator==(const DeleteAddress&) const = default;
};

struct AddRoute {
  RouteFact route;
  bool replace = false;  // in one step instead of one of the agent's with that destination, metric
  bool operator==(const AddRoute&) const = default;
};

struct DeleteRoute {
  RouteFact route;
  bool operator==(const DeleteRoute&) const = default;
};

struct AddRule {
  RuleFact rule;
  bool operator==(const AddRule&) const = default;
};

struct DeleteRule {
  RuleFact rule;
  bool operator==(const DeleteRule&) const = default;
};

struct AddFilter {
  FilterEntry filter;
  bool operator==(const AddFilter&) const = default;
};

struct DeleteFilter {
  FilterEntry filter;
  bool operator==(const DeleteFilter&) const = default;
};

struct SetIfGroup {
  IfIndex link = IfIndex::kNone;
  uint32_t group = 0;
  bool restore = false;  // the original value, given back
  bool operator==(const SetIfGroup&) const = default;
};

using KernelStep = std::variant<AddAddress, DeleteAddress, AddRoute, DeleteRoute, AddRule,
                                DeleteRule, AddFilter, DeleteFilter, SetIfGroup>;

// "add address 198.51.100.1/24 to eth0". Names come from `facts`; an unknown link is "link 7".
std::string Describe(const KernelStep& step, const Facts& facts);

}  // namespace stronghost
