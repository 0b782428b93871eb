#include "agent/decide/path_targets.h"

#include <algorithm>

namespace stronghost {
namespace {

void AddOnce(std::vector<IpAddress>& list, const IpAddress& ip) {
  if (std::find(list.begin(), list.end(), ip) == list.end()) {
    list.push_back(ip);
  }
}

}  // namespace

std::vector<IpAddress> GatewaysOf(const GroupConfig& group, const std::vector<Member>& members,
                                  absl::Span<const RouteFact> routes) {
  std::vector<IpAddress> gateways;
  for (const IpAddress& gateway : group.gateways) {
    AddOnce(gateways, gateway);
  }
  for (const AddressConfig& address : group.addresses) {
    for (const IpAddress& gateway : address.gateways) {
      AddOnce(gateways, gateway);
    }
  }
  for (const RouteFact& route : routes) {
    const bool ours = std::any_of(members.begin(), members.end(), [&](const Member& member) {
      return member.group == &group && member.link != nullptr && member.link->index == route.link;
    });
    if (ours && route.destination.length == 0 && route.gateway.has_value()) {
      AddOnce(gateways, *route.gateway);
    }
  }
  return gateways;
}

std::vector<IpAddress> WorseGateways(const absl::btree_map<IpAddress, GatewayState>& gateways) {
  std::vector<IpAddress> worse;
  for (const auto& [gateway, state] : gateways) {
    const bool v4 = gateway.IsV4();
    const bool better = std::any_of(gateways.begin(), gateways.end(), [v4](const auto& other) {
      return other.first.IsV4() == v4 &&
             (other.second == GatewayState::kFine || other.second == GatewayState::kProbing);
    });
    if (better && (state == GatewayState::kDead || state == GatewayState::kBack)) {
      worse.push_back(gateway);
    }
  }
  return worse;
}

}  // namespace stronghost
