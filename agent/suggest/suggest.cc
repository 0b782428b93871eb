#include "agent/suggest/suggest.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/base/ids.h"
#include "agent/decide/address_managers.h"
#include "agent/decide/members.h"
#include "agent/decide/validate_facts.h"
#include "agent/suggest/origin.h"
#include "agent/suggest/segments.h"
#include "maps/types.h"

namespace stronghost {
namespace {

constexpr size_t kMaxMembers = SH_HOMES_MAX - 1;
constexpr size_t kMaxPrefixes = 16;  // as text for a person

class Suggester {
 public:
  Suggester(const HostFacts& host, const Candidates& candidates,
            const std::optional<Hearing>& hearing)
      : host_(host), facts_(host.facts), hearing_(hearing) {
    result_.probed = hearing.has_value();
    result_.left_out = candidates.left_out;
    segments_ = hearing.has_value() ? SegmentsByHearing(candidates.nics, *hearing, facts_)
                                    : SegmentsBySubnet(candidates.nics, facts_);
  }

  Suggestion Run() {
    for (Segment& segment : segments_) {
      SortNics(segment.nics);
    }
    // The way to the world first.
    std::stable_sort(segments_.begin(), segments_.end(), [this](const auto& a, const auto& b) {
      return HasDefaultRoute(a) && !HasDefaultRoute(b);
    });
    DropUseless();
    for (const Segment& segment : segments_) {
      AddGroup(segment);
    }
    AddPrefixes();
    AddFindings();
    AddSharedMacs();
    AddHostNotes();
    SortLeftOut();
    return std::move(result_);
  }

 private:
  void LeaveOut(IfIndex nic, std::string reason) {
    result_.left_out.push_back({nic, NameOfLink(facts_, nic), std::move(reason)});
  }

  // Addresses that are not link-local.
  bool HasAddress(IfIndex nic) const {
    return HasAddressOf(nic, /*v4=*/true) || HasAddressOf(nic, /*v4=*/false);
  }
  bool HasAddressOf(IfIndex nic, bool v4) const {
    return std::any_of(facts_.addresses.begin(), facts_.addresses.end(), [&](const auto& fact) {
      return fact.link == nic && fact.ip.address.IsV4() == v4 && !fact.ip.address.IsLinkLocal();
    });
  }

  static bool IsDefaultRoute(const RouteFact& route, IfIndex nic) {
    return route.table == RT_TABLE_MAIN && route.link == nic && route.destination.length == 0 &&
           route.protocol != kRouteProtocol;
  }

  bool HasDefaultRoute(const Segment& segment) const {
    return std::any_of(facts_.routes.begin(), facts_.routes.end(), [&](const RouteFact& route) {
      return std::any_of(segment.nics.begin(), segment.nics.end(),
                         [&route](IfIndex nic) { return IsDefaultRoute(route, nic); });
    });
  }

  // Those with addresses are preferred.
  void SortNics(std::vector<IfIndex>& nics) const {
    std::stable_sort(nics.begin(), nics.end(),
                     [this](IfIndex a, IfIndex b) { return HasAddress(a) && !HasAddress(b); });
  }

  // A NIC alone that has nothing to care for, and what is beyond the limits of the maps.
  void DropUseless() {
    size_t members = 0;
    std::vector<Segment> useful;
    for (Segment& segment : segments_) {
      if (segment.nics.size() == 1 && IsUseless(segment.nics.front())) {
        LeaveOut(segment.nics.front(), UselessReason(segment.nics.front()));
        continue;
      }
      while (segment.nics.size() > SH_GROUP_MAX) {
        LeaveOut(segment.nics.back(), absl::StrCat("is one of more than ", SH_GROUP_MAX,
                                                   " in its segment, which is the most that a "
                                                   "group can have; make a second group by hand"));
        segment.nics.pop_back();
      }
      if (members + segment.nics.size() > kMaxMembers) {
        for (const IfIndex nic : segment.nics) {
          LeaveOut(nic, absl::StrCat("is beyond ", kMaxMembers,
                                     " members of all groups, which is the most; choose by hand"));
        }
        continue;
      }
      members += segment.nics.size();
      useful.push_back(std::move(segment));
    }
    segments_ = std::move(useful);
  }

  // A veth with a host address is the host's side of a container's.
  bool IsUseless(IfIndex nic) const {
    return !HasAddress(nic) ||
           (facts_.links.at(nic).kind == "veth" && SubnetsOfLink(facts_, nic).empty());
  }
  std::string UselessReason(IfIndex nic) const {
    if (HasAddress(nic)) {
      return "is a veth without a subnet: the host's end of a container's link";
    }
    if (!hearing_.has_value()) {
      return "has no address, by which its segment could be guessed; ask without --no-probe";
    }
    const auto failure = hearing_->failures.find(nic);
    return failure == hearing_->failures.end()
               ? "has no address, and shares its segment with none of the other NICs"
               : absl::StrCat("has no address, and took no full part in the exchange: ",
                              failure->second);
  }

  void AddGroup(const Segment& segment) {
    SuggestedGroup group;
    group.config.name =
        segments_.size() == 1 ? "front" : absl::StrCat("segment", result_.groups.size() + 1);
    for (const IfIndex nic : segment.nics) {
      const LinkFact& link = facts_.links.at(nic);
      SuggestedNic entry{link.name, link.mac, link.driver, link.mtu, {}};
      for (const AddressFact& fact : facts_.addresses) {
        if (fact.link == nic) {
          entry.addresses.push_back({fact.ip.ToString(), OriginOf(fact, facts_, host_.now)});
        }
      }
      group.config.nics.push_back(link.name);
      group.nics.push_back(std::move(entry));
    }
    AddGateways(segment, /*v4=*/true, group);
    AddGateways(segment, /*v4=*/false, group);
    group.notes = segment.notes;
    AddMemberNotes(segment, group);
    result_.groups.push_back(std::move(group));
  }

  // The daemon refuses gateways outside of the group's subnets.
  bool InSubnet(const IpAddress& gateway, const Segment& segment) const {
    return gateway.IsLinkLocal() ||
           std::any_of(segment.nics.begin(), segment.nics.end(), [&](IfIndex nic) {
             const std::vector<IpPrefix> subnets = SubnetsOfLink(facts_, nic);
             return std::any_of(subnets.begin(), subnets.end(), [&gateway](const IpPrefix& subnet) {
               return subnet.Contains(gateway);
             });
           });
  }

  // A list replaces what the routes of the system say, for the whole group and family: so it is
  // written only where each default route is a static one. In the order of their metrics.
  void AddGateways(const Segment& segment, bool v4, SuggestedGroup& group) {
    std::vector<RouteFact> routes;
    for (const RouteFact& route : facts_.routes) {
      const bool ours = std::any_of(segment.nics.begin(), segment.nics.end(),
                                    [&](IfIndex nic) { return IsDefaultRoute(route, nic); });
      if (ours && route.destination.address.IsV4() == v4 && route.gateway.has_value()) {
        routes.push_back(route);
      }
    }
    std::stable_sort(routes.begin(), routes.end(),
                     [](const auto& a, const auto& b) { return a.metric < b.metric; });
    std::vector<IpAddress> gateways;
    std::vector<std::string> moving;
    for (const RouteFact& route : routes) {
      std::string source = FollowedSource(route, facts_);
      if (source.empty() && !InSubnet(*route.gateway, segment)) {
        source = "outside of its subnets";
      }
      if (!source.empty()) {
        moving.push_back(absl::StrCat(route.gateway->ToString(), " by ",
                                      NameOfLink(facts_, route.link), " (", source, ")"));
      } else if (std::find(gateways.begin(), gateways.end(), *route.gateway) == gateways.end()) {
        gateways.push_back(*route.gateway);
      }
    }
    if (moving.empty()) {
      group.config.gateways.insert(group.config.gateways.end(), gateways.begin(), gateways.end());
      return;
    }
    std::string note =
        absl::StrCat("The default route", moving.size() == 1 ? "" : "s", " through ",
                     absl::StrJoin(moving, ", "), moving.size() == 1 ? " is" : " are",
                     " followed as the system has it, so no ", v4 ? "IPv4" : "IPv6",
                     " gateway is written here.");
    if (!gateways.empty()) {
      absl::StrAppend(&note, " That holds for the static one, ",
                      absl::StrJoin(gateways, ", ",
                                    [](std::string* out, const IpAddress& gateway) {
                                      absl::StrAppend(out, gateway.ToString());
                                    }),
                      ", as well.");
    }
    group.gateway_notes.push_back(std::move(note));
    for (const IfIndex nic : segment.nics) {
      const bool has_route = std::any_of(routes.begin(), routes.end(),
                                         [nic](const RouteFact& r) { return r.link == nic; });
      if (!has_route && HasAddressOf(nic, v4)) {
        group.gateway_notes.push_back(
            absl::StrCat(NameOfLink(facts_, nic), " has an ", v4 ? "IPv4" : "IPv6",
                         " address and no default route of its own: to give it a gateway, write "
                         "all of the group's."));
      }
    }
  }

  void AddMemberNotes(const Segment& segment, SuggestedGroup& group) const {
    if (segment.nics.size() == 1) {
      group.notes.emplace_back(
          "A group of one: one NIC answers ARP for its addresses, packets leave with the right "
          "source and gateway, servers answer from the address that was asked. Nothing can stand "
          "in for it; that takes a second NIC in its segment.");
    }
    std::vector<std::string> staying;
    for (const IfIndex nic : segment.nics) {
      const LinkFact& link = facts_.links.at(nic);
      if (!DriverFollows(link.driver)) {
        staying.push_back(absl::StrCat(link.name, ": ", link.driver.empty() ? "?" : link.driver));
      }
      if (!HasAddress(nic) && segment.nics.size() > 1) {
        group.notes.push_back(absl::StrCat(
            link.name, " has no address: it carries nothing until another NIC fails."));
      }
      AddVlanNote(link, group);
    }
    if (segment.nics.size() > 1) {
      group.notes.push_back(
          staying.empty()
              ? "mac = \"auto\" means \"follow\" here: every driver is proven to accept another "
                "NIC's MAC. Write \"stay\" where the network ties a MAC to a port (port security, "
                "clouds)."
              : absl::StrCat("mac = \"auto\" means \"stay\" here: not every driver is proven to "
                             "accept another NIC's MAC (",
                             absl::StrJoin(staying, ", "), ")."));
    }
  }

  void AddVlanNote(const LinkFact& link, SuggestedGroup& group) const {
    std::vector<std::string> vlans;
    for (const auto& [index, child] : facts_.links) {
      if (child.kind == "vlan" && child.parent == link.index) {
        vlans.push_back(child.name);
      }
    }
    if (!vlans.empty()) {
      group.notes.push_back(absl::StrCat("Tagged frames pass ", link.name,
                                         " untouched, so this group does nothing for ",
                                         absl::StrJoin(vlans, ", "), "."));
    }
  }

  // What the daemon will warn of when it starts.
  void AddFindings() {
    Config config;
    for (const SuggestedGroup& group : result_.groups) {
      config.groups.push_back(group.config);
    }
    for (const FactProblem& problem : ValidateFacts(config, facts_)) {
      for (size_t i = 0; i < result_.groups.size(); ++i) {
        if (problem.severity != FactSeverity::kInfo &&
            absl::StartsWith(problem.path, absl::StrCat("group[", i, "]"))) {
          std::vector<std::string>& notes = result_.groups[i].notes;
          notes.insert(notes.begin(), absl::StrCat("Warning: ", problem.message, "."));
        }
      }
    }
  }

  // Within a group the findings say so.
  void AddSharedMacs() {
    std::map<MacAddress, std::pair<size_t, std::string>> first;
    for (size_t i = 0; i < result_.groups.size(); ++i) {
      for (const SuggestedNic& nic : result_.groups[i].nics) {
        const auto [it, added] = first.emplace(nic.mac, std::pair(i, nic.name));
        if (!added && it->second.first != i) {
          result_.notes.push_back(absl::StrCat(
              "Warning: ", it->second.second, " and ", nic.name, " have one MAC, ",
              nic.mac.ToString(),
              "; that is well only as long as their segments stay apart, so give one of them "
              "another."));
        }
      }
    }
  }

  // Behind the home that leads to the world.
  void AddPrefixes() {
    if (result_.groups.empty()) {
      return;
    }
    SuggestedGroup& group = result_.groups.front();
    size_t more = 0;
    const auto add = [&](const IpPrefix& prefix, const std::string& why) {
      if (group.prefixes.size() >= kMaxPrefixes) {
        ++more;
      } else if (std::none_of(group.prefixes.begin(), group.prefixes.end(),
                              [&](const auto& known) { return known.prefix == prefix; })) {
        group.prefixes.push_back({prefix, group.config.nics.front(), why});
      }
    };
    for (const auto& [index, link] : facts_.links) {
      if (IsContainerBridge(link, facts_)) {
        for (const IpPrefix& subnet : SubnetsOfLink(facts_, index)) {
          add(subnet, absl::StrCat("behind the bridge ", link.name));
        }
      }
    }
    for (const AddressFact& fact : facts_.addresses) {
      const auto link = facts_.links.find(fact.link);
      if (link != facts_.links.end() && link->second.name == "lo" &&
          !fact.ip.address.IsLoopback() && !fact.ip.address.IsLinkLocal() && fact.ip.length > 0) {
        add({fact.ip.address, fact.ip.address.max_length()}, "an address on lo");
      }
    }
    if (more > 0) {
      group.notes.push_back(absl::StrCat(more,
                                         " more networks behind bridges or on lo are not "
                                         "listed."));
    }
  }

  void AddHostNotes() {
    for (const auto& [name, setting] : kAddressManagers) {
      if (std::find(host_.managers.begin(), host_.managers.end(), name) != host_.managers.end()) {
        result_.notes.push_back(absl::StrCat(
            name,
            " runs: it takes the addresses of a NIC away with its carrier, and nobody serves "
            "them then, unless it has ",
            setting, "."));
      }
    }
    if (host_.agent_runs) {
      result_.notes.emplace_back(
          "stronghostd runs here: addresses that it added look static, and those that live "
          "elsewhere because a NIC failed are shown where they live now.");
    }
    if (result_.groups.empty()) {
      result_.notes.emplace_back(
          "No interface can be a member of a group; see below why. With this file nothing is "
          "managed.");
    }
  }

  void SortLeftOut() {
    std::sort(result_.left_out.begin(), result_.left_out.end(),
              [](const LeftOut& a, const LeftOut& b) { return a.link < b.link; });
  }

  const HostFacts& host_;
  const Facts& facts_;
  const std::optional<Hearing>& hearing_;
  std::vector<Segment> segments_;
  Suggestion result_;
};

}  // namespace

Suggestion Suggest(const HostFacts& host, const Candidates& candidates,
                   const std::optional<Hearing>& hearing) {
  return Suggester(host, candidates, hearing).Run();
}

}  // namespace stronghost
