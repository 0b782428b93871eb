#include "agent/observe/snapshot.h"

#include <sys/socket.h>

#include <utility>

#include "agent/base/status.h"
#include "agent/netlink/build.h"
#include "agent/netlink/parse.h"
#include "agent/observe/facts_events.h"

namespace stronghost {
namespace {

// Nothing of a family, or of policy rules, that the kernel was built or started without.
template <typename Fact>
absl::Status Append(absl::StatusOr<std::vector<Fact>> dumped, std::vector<Fact>& all) {
  if (!dumped.ok()) {
    return absl::IsUnimplemented(dumped.status()) ? absl::OkStatus() : dumped.status();
  }
  all.insert(all.end(), std::make_move_iterator(dumped->begin()),
             std::make_move_iterator(dumped->end()));
  return absl::OkStatus();
}

absl::Status ReadLinks(NetlinkSocket& socket, DriverNames& drivers, Facts& facts) {
  const auto parse = [](const nlmsghdr& message, std::vector<LinkFact>& links) {
    if (auto link = ParseLink(message); link.has_value()) {
      links.push_back(*std::move(link));
    }
  };
  ASSIGN_OR_RETURN(std::vector<LinkFact> links,
                   DumpFacts<LinkFact>(socket, DumpLinksRequest(), "list links", parse));
  for (LinkFact& link : links) {
    link.driver = drivers.Get(link.index, link.name);
    facts.links[link.index] = std::move(link);
  }
  return absl::OkStatus();
}

absl::Status ReadAddresses(NetlinkSocket& socket, Facts& facts) {
  const auto parse = [](const nlmsghdr& message, std::vector<AddressFact>& addresses) {
    if (auto address = ParseAddress(message); address.has_value()) {
      addresses.push_back(*address);
    }
  };
  ASSIGN_OR_RETURN(facts.addresses,
                   DumpFacts<AddressFact>(socket, DumpAddressesRequest(), "list addresses", parse));
  return absl::OkStatus();
}

// Where a family is missing, the kernel may answer with what it has of the others.
absl::Status ReadRoutes(NetlinkSocket& socket, int family, Facts& facts) {
  const auto parse = [family](const nlmsghdr& message, std::vector<RouteFact>& routes) {
    for (const RouteFact& route : ParseRoutes(message)) {
      if (IsWatchedRoute(route) && route.destination.address.family() == family) {
        routes.push_back(route);
      }
    }
  };
  return Append(DumpFacts<RouteFact>(socket, DumpRoutesRequest(family), "list routes", parse),
                facts.routes);
}

absl::Status ReadRules(NetlinkSocket& socket, int family, Facts& facts) {
  const auto parse = [family](const nlmsghdr& message, std::vector<RuleFact>& rules) {
    if (auto rule = ParseRule(message); rule.has_value() && rule->family == family) {
      rules.push_back(*rule);
    }
  };
  return Append(DumpFacts<RuleFact>(socket, DumpRulesRequest(family), "list rules", parse),
                facts.rules);
}

}  // namespace

absl::StatusOr<Facts> ReadFacts(NetlinkSocket& socket, DriverNames& drivers) {
  Facts facts;
  RETURN_IF_ERROR(ReadLinks(socket, drivers, facts));
  RETURN_IF_ERROR(ReadAddresses(socket, facts));
  for (const int family : {AF_INET, AF_INET6}) {
    RETURN_IF_ERROR(ReadRoutes(socket, family, facts));
    RETURN_IF_ERROR(ReadRules(socket, family, facts));
  }
  return facts;
}

}  // namespace stronghost
