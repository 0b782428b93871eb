#include "agent/daemon/status.h"

#include <unistd.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/netlink/route_lookup.h"
#include "agent/serve/version.h"

namespace stronghost {
namespace {

class StatusMaker {
 public:
  explicit StatusMaker(Engine& engine) : engine_(engine) {}

  StatusReport Make(absl::Time started) {
    AddGroups();
    AddAddresses();
    AddPrefixes();
    engine_.paths().Describe(report_.groups);
    AddCounters();
    report_.problems = engine_.Problems();
    report_.agent = {.version = Version(),
                     .pid = getpid(),
                     .started = ToWallTime(started),
                     .pin_dir = engine_.config().pin_dir};
    if (const absl::Status& watch = engine_.carrier_watch(); watch.ok()) {
      report_.agent.carrier_signals.emplace_back("fentry");
    } else {
      report_.agent.no_fentry = Message(watch);
    }
    if (engine_.datapath().can_read_carrier()) {
      report_.agent.carrier_signals.emplace_back("egress");
    }
    report_.agent.carrier_signals.emplace_back("poll");
    report_.agent.carrier_signals.emplace_back("rtnetlink");
    return std::move(report_);
  }

 private:
  void AddGroups() {
    for (const GroupConfig& group : engine_.config().groups) {
      report_.groups.push_back({.name = group.name});
    }
    for (const Member& member : engine_.decision().members) {
      GroupReport& group = report_.groups[member.group_number - 1];
      group.mac = member.stay ? "stay" : "follow";
      NicReport nic{.name = member.name,
                    .state = std::string(ToString(member.state)),
                    .home = member.home,
                    .since = ToWallTime(engine_.StateSince(member.name))};
      if (member.link != nullptr) {
        nic.ifindex = member.link->index;
        nic.mac = member.link->mac;
        nic.carrier = member.link->carrier;
        names_[member.link->index] = member.name;
        const auto it = engine_.attachments().find(member.link->index);
        if (it != engine_.attachments().end()) {
          nic.xdp = ToString(it->second.xdp);
          nic.tc = ToString(it->second.tc);
          nic.notes = it->second.notes;
        }
      }
      group.nics.push_back(std::move(nic));
    }
  }

  void AddAddresses() {
    for (const auto& [key, owner] : engine_.decision().datapath.addresses) {
      const HomeIndex index = owner.home;
      const auto home = engine_.decision().datapath.homes.find(index);
      const auto memory = engine_.memory().find(index);
      if (home == engine_.decision().datapath.homes.end() || memory == engine_.memory().end()) {
        continue;
      }
      AddressReport address{.ip = key.address.ToString(),
                            .home = home->second.name,
                            .wire = names_[engine_.datapath().ReadPath(index).wire],
                            .since = ToWallTime(memory->second.since)};
      const auto residence = engine_.decision().inventory.addresses.find(key.address);
      if (residence != engine_.decision().inventory.addresses.end() &&
          residence->second.relocated()) {
        address.origin = residence->second.origin;
      }
      if (key.scope != IfIndex::kNone) {
        absl::StrAppend(&address.ip, "%", home->second.name);
      }
      report_.groups[home->second.group - 1].addresses.push_back(std::move(address));
    }
  }

  void AddPrefixes() {
    const DatapathState& state = engine_.decision().datapath;
    for (const auto& [prefix, index] : state.prefixes) {
      if (const auto home = state.homes.find(index); home != state.homes.end()) {
        report_.groups[home->second.group - 1].prefixes.push_back(
            {.prefix = prefix.ToString(),
             .home = home->second.name,
             .wire = names_[engine_.datapath().ReadPath(index).wire]});
      }
    }
  }

  void AddCounters() {
    const auto counters = engine_.datapath().ReadCounters();
    if (!counters.ok()) {
      return;
    }
    for (const auto& [index, verdicts] : *counters) {
      const auto home = engine_.decision().datapath.homes.find(index);
      const std::string nic =
          home == engine_.decision().datapath.homes.end() ? "" : home->second.name;
      for (size_t i = 1; i < verdicts.size(); ++i) {
        report_.counters[VerdictName(i)] += verdicts[i].packets;
        if (!nic.empty()) {
          report_.nic_counters[nic][VerdictName(i)] = {verdicts[i].packets, verdicts[i].bytes};
        }
      }
    }
  }

  Engine& engine_;
  StatusReport report_;
  absl::btree_map<IfIndex, std::string> names_;
};

std::string NameOf(const Engine& engine, IfIndex link) {
  const auto it = engine.facts().links.find(link);
  return it == engine.facts().links.end() ? "" : it->second.name;
}

struct Owner {
  HomeIndex home = HomeIndex::kNone;
  std::optional<IpPrefix> prefix;  // by which it owns the source; none: by the address itself
};

// An exact address first, then the longest prefix.
Owner OwnerOf(const Engine& engine, const IpAddress& source, IfIndex scope) {
  const DatapathState& state = engine.decision().datapath;
  const AddressKey key{source, source.IsLinkLocal() ? scope : IfIndex::kNone};
  if (const auto it = state.addresses.find(key); it != state.addresses.end()) {
    return {.home = it->second.home};
  }
  Owner owner;
  for (const auto& [prefix, home] : state.prefixes) {
    if (prefix.Contains(source) &&
        (!owner.prefix.has_value() || prefix.length > owner.prefix->length)) {
      owner = {home, prefix};
    }
  }
  return owner;
}

// What is sent from within a prefix is forwarded from where the source is routed to, unless that is
// this host itself (AnyIP).
absl::StatusOr<RouteAnswer> RouteOf(Engine& engine, const IpAddress& source, const Owner& owner,
                                    const IpAddress& destination, const HomeState& home) {
  if (owner.prefix.has_value()) {
    ASSIGN_OR_RETURN(const RouteAnswer back, LookUpRoute(engine.netlink(), std::nullopt, source));
    if (!back.local) {
      return LookUpForwarding(engine.netlink(), source, destination, back.link);
    }
  }
  const IfIndex bound = source.IsLinkLocal() ? home.link : IfIndex::kNone;
  return LookUpRoute(engine.netlink(), source, destination, bound);
}

void ExplainRoute(Engine& engine, const absl::StatusOr<RouteAnswer>& route,
                  const IpAddress& destination, const HomeState& home, ExplainReport& report) {
  if (!route.ok()) {
    report.action = "pass";
    report.why.push_back(absl::StrCat("routing refuses it: ", Message(route.status())));
    return;
  }
  if (route->local) {
    report.action = "pass";
    report.why.emplace_back("the destination is this host's own: the packet leaves by no NIC");
    return;
  }
  report.next_hop =
      route->gateway.has_value() ? route->gateway->ToString() : destination.ToString();
  report.why.push_back(absl::StrCat("routing sends it to ", NameOf(engine, route->link), " via ",
                                    *report.next_hop, ", by table ", route->table));
  const auto& homes = engine.decision().datapath.homes;
  if (std::none_of(homes.begin(), homes.end(),
                   [&route](const auto& entry) { return entry.second.link == route->link; })) {
    report.action = "pass";
    report.why.push_back(
        absl::StrCat(NameOf(engine, route->link), " is in no group: it passes as routing wants"));
    return;
  }
  const Path path = engine.datapath().ReadPath(home.index);
  report.action = route->link == path.wire ? "pass" : "redirect";
  report.why.push_back(
      report.action == "pass"
          ? absl::StrCat(report.wire, " is its wire: it passes")
          : absl::StrCat("its wire is ", report.wire, ": steer redirects it there"));
}

}  // namespace

StatusReport MakeStatus(Engine& engine, absl::Time started) {
  return StatusMaker(engine).Make(started);
}

absl::StatusOr<ExplainReport> MakeExplain(Engine& engine, const IpAddress& source,
                                          const IpAddress& destination, const std::string& scope) {
  if (source.family() != destination.family()) {
    return absl::InvalidArgumentError(
        "source and destination are of different families; name two of one family");
  }
  ExplainReport report{.source = source.ToString(), .destination = destination.ToString()};
  IfIndex scope_link = IfIndex::kNone;
  if (!scope.empty()) {
    const LinkFact* link = engine.facts().FindLink(scope);
    if (link == nullptr) {
      return absl::NotFoundError(
          absl::StrCat("there is no interface ", scope, "; name one that `ip link` lists"));
    }
    scope_link = link->index;
  }
  const Owner owner = OwnerOf(engine, source, scope_link);
  const auto home = engine.decision().datapath.homes.find(owner.home);
  if (home == engine.decision().datapath.homes.end()) {
    report.action = "unmanaged";
    report.why.push_back(absl::StrCat(source.ToString(),
                                      " belongs to no home: routing alone decides, and the packet "
                                      "follows the NIC that it is on"));
    return report;
  }
  report.home = home->second.name;
  report.wire = NameOf(engine, engine.datapath().ReadPath(owner.home).wire);
  report.why.push_back(owner.prefix.has_value()
                           ? absl::StrCat(source.ToString(), " lies in ", owner.prefix->ToString(),
                                          ", a prefix of ", report.home)
                           : absl::StrCat(source.ToString(), " is owned by ", report.home));
  report.why.push_back(report.wire == report.home
                           ? absl::StrCat(report.home, " carries its own frames")
                           : absl::StrCat(report.wire, " stands in for ", report.home));
  ExplainRoute(engine, RouteOf(engine, source, owner, destination, home->second), destination,
               home->second, report);
  return report;
}

}  // namespace stronghost
