#include "agent/daemon/path_watch.h"

#include <algorithm>

#include "agent/base/status.h"
#include "agent/decide/acceptance.h"
#include "agent/decide/path_targets.h"

namespace stronghost {
namespace {

constexpr size_t kWitnesses = 3;
constexpr MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

bool IsOurs(const Facts& facts, const MacAddress& mac) {
  return std::any_of(facts.links.begin(), facts.links.end(),
                     [&mac](const auto& entry) { return entry.second.mac == mac; });
}

// Under which address of the NIC a host is asked: one in its subnet, else the link-local one, else
// none (0.0.0.0, RFC 5227 section 2.1.1).
struct Question {
  IpAddress target;
  IpAddress source;
  int rank = 4;  // the lower the better
};

Question BestQuestion(const Facts& facts, IfIndex link, const std::vector<IpAddress>& targets) {
  Question best;
  for (const IpAddress& target : targets) {
    Question question{.target = target, .source = IpAddress::V4(0), .rank = target.IsV4() ? 3 : 4};
    for (const AddressFact& fact : facts.addresses) {
      if (fact.link != link || fact.ip.address.IsV4() != target.IsV4() || !IsAccepted(fact)) {
        continue;
      }
      const bool link_local = fact.ip.address.IsLinkLocal();
      const int rank = link_local ? 2 : target.IsV4() ? 0 : 1;
      if ((link_local || fact.ip.Contains(target)) && rank < question.rank) {
        question.source = fact.ip.address;
        question.rank = rank;
      }
    }
    if (question.rank < best.rank) {
      best = question;
    }
  }
  return best;
}

Frame FrameOf(const Question& question, const MacAddress& to, const MacAddress& from) {
  return question.target.IsV4() ? ArpRequest(to, question.target, question.source, from)
                                : NeighborSolicitation(to, question.target, question.source, from);
}

}  // namespace

void PathWatch::Look(const PathScene& scene, GatewaySlots& slots) {
  absl::erase_if(refused_,
                 [&scene](const auto& entry) { return !scene.facts.links.contains(entry.first); });
  PathFindings findings;
  std::map<std::string, Group> groups;
  for (const GroupConfig& config : scene.config.groups) {
    if (config.detect.probe == ProbeMode::kOff) {
      continue;
    }
    Group& group = groups[config.name];
    group = std::move(groups_[config.name]);
    LookAt(config, group, scene, slots, findings);
  }
  groups_ = std::move(groups);
  findings_ = std::move(findings);
}

void PathWatch::LookAt(const GroupConfig& config, Group& group, const PathScene& scene,
                       GatewaySlots& slots, PathFindings& findings) {
  std::map<std::string, Nic> before = std::exchange(group.nics, {});
  for (const Member& member : scene.members) {
    if (member.group->name == config.name) {
      Nic& nic = group.nics[member.name] = std::move(before[member.name]);
      nic.member = &member;
      nic.wire = member.home == HomeIndex::kNone ? IfIndex::kNone : scene.wire_of(member.home);
    }
  }
  group.hosts = Hosts(config, group, scene);
  std::vector<NicLook> looks;
  for (auto& [name, nic] : group.nics) {
    nic.targets = Resolve(group, *nic.member, scene);
    looks.push_back(MakeLook(nic, slots));
    looks.back().hosts = group.gateways.empty();
    if (!looks.back().watched.empty()) {
      findings.watched.insert(name);
    }
  }
  const GroupLook look =
      stronghost::Look(group.paths, looks, config.detect.probe, config.failback, scene.now);
  for (const GatewayProbe& probe : look.probes) {
    Ask(group.nics.at(probe.nic), probe.gateway, probe.broadcast, scene);
  }
  if (!look.call.empty()) {
    Call(group.nics.at(look.call), group, scene);
  }
  if (!look.witnesses.empty()) {
    AskNeighbors(group.nics.at(look.witnesses), scene);
  }
  FindUnresolved(config, group, scene);
  FindDead(group, findings);
  Note(config, group);
}

// Gateways and configured targets; where there is none, a few neighbours, the same for as long as
// they are known.
std::vector<IpAddress> PathWatch::Hosts(const GroupConfig& config, Group& group,
                                        const PathScene& scene) {
  group.gateways = GatewaysOf(config, scene.members, scene.routes);
  std::vector<IpAddress> hosts = group.gateways;
  hosts.insert(hosts.end(), config.detect.probe_targets.begin(), config.detect.probe_targets.end());
  if (!hosts.empty()) {
    group.neighbors.clear();
    return hosts;
  }
  const auto known = [&](const IpAddress& ip) {
    return std::any_of(group.nics.begin(), group.nics.end(), [&](const auto& entry) {
      const LinkFact* link = entry.second.member->link;
      return link != nullptr && scene.neighbors.MacOf(link->index, ip).has_value();
    });
  };
  std::erase_if(group.neighbors, [&](const IpAddress& ip) { return !known(ip); });
  for (const auto& [name, nic] : group.nics) {
    if (nic.member->link == nullptr || group.neighbors.size() >= SH_GATEWAY_SLOTS) {
      continue;
    }
    for (const NeighborFact& neighbor : scene.neighbors.On(nic.member->link->index, scene.now)) {
      if (group.neighbors.size() < SH_GATEWAY_SLOTS && !IsOurs(scene.facts, neighbor.mac) &&
          std::find(group.neighbors.begin(), group.neighbors.end(), neighbor.ip) ==
              group.neighbors.end()) {
        group.neighbors.push_back(neighbor.ip);
      }
    }
  }
  return group.neighbors;
}

// The MACs as this NIC knows them, else as its siblings do, else as they were last known: an entry
// that the kernel gave up is just what must go on being watched.
std::vector<PathWatch::Target> PathWatch::Resolve(Group& group, const Member& member,
                                                  const PathScene& scene) {
  std::vector<Target> targets;
  for (const IpAddress& ip : group.hosts) {
    std::optional<MacAddress> mac;
    if (member.link != nullptr) {
      mac = scene.neighbors.MacOf(member.link->index, ip);
    }
    for (const auto& [name, sibling] : group.nics) {
      if (!mac.has_value() && sibling.member->link != nullptr) {
        mac = scene.neighbors.MacOf(sibling.member->link->index, ip);
      }
    }
    if (mac.has_value()) {
      group.macs[ip] = *mac;
    } else if (const auto last = group.macs.find(ip); last != group.macs.end()) {
      mac = last->second;
    } else {
      continue;
    }
    const auto same = std::find_if(targets.begin(), targets.end(),
                                   [&mac](const Target& target) { return target.mac == *mac; });
    if (same != targets.end()) {
      same->ips.push_back(ip);
    } else if (targets.size() < SH_GATEWAY_SLOTS) {
      targets.push_back({*mac, {ip}});
    }
  }
  return targets;
}

NicLook PathWatch::MakeLook(const Nic& nic, GatewaySlots& slots) {
  const Member& member = *nic.member;
  NicLook look{.name = member.name, .drained = member.state == NicState::kDrained};
  if (member.link == nullptr) {
    return look;
  }
  look.there = member.link->admin_up;
  look.carrier = member.link->carrier;
  look.own_wire = nic.wire == member.link->index;
  for (const Target& target : nic.targets) {
    look.watched.push_back(target.mac);
  }
  Watched watched{member.link->index, look.watched};
  if (Watched& before = watched_[member.home]; before != watched) {
    slots.Watch(member.home, look.watched);
    before = std::move(watched);
  }
  look.evidence = slots.Take(member.home);
  return look;
}

// Also what the kernel only tries to resolve counts as traffic of the group.
void PathWatch::FindUnresolved(const GroupConfig& config, Group& group, const PathScene& scene) {
  std::map<std::string, std::vector<ResolutionView>> views;
  bool busy = group.paths.busy + kBusy > scene.now;
  for (const auto& [name, nic] : group.nics) {
    if (nic.member->link == nullptr) {
      continue;
    }
    const IfIndex link = nic.member->link->index;
    for (const IpAddress& ip : group.gateways) {
      const ResolutionView& view = views[name].emplace_back(
          ResolutionView{.ip = ip,
                         .resolved = scene.neighbors.MacOf(link, ip).has_value(),
                         .failed = scene.neighbors.HasFailed(link, ip, scene.now)});
      busy = busy || view.failed;
    }
  }
  for (auto& [name, nic] : group.nics) {
    for (const IpAddress& ip :
         stronghost::Look(nic.unresolved, views[name], busy, config.failback, scene.now)) {
      unresolved_.emplace_back(nic.member->link->index, ip);
    }
  }
}

// A home's gateways are as its wire hears them, and as its NIC resolves them.
void PathWatch::FindDead(const Group& group, PathFindings& findings) const {
  for (const auto& [name, home] : group.nics) {
    absl::btree_map<IpAddress, GatewayState> states;
    for (const IpAddress& gateway : group.gateways) {
      states[gateway] = GatewayState::kFine;  // nothing is known against it
    }
    for (const auto& [wire_name, wire] : group.nics) {
      if (wire.member->link == nullptr || wire.member->link->index != home.wire) {
        continue;
      }
      const NicPath& path = group.paths.nics.at(wire_name);
      for (const Target& target : wire.targets) {
        const auto health = path.gateways.find(target.mac);
        for (const IpAddress& ip : target.ips) {
          if (health != path.gateways.end() && states.contains(ip)) {
            states[ip] = health->second.state;
          }
        }
      }
    }
    for (const auto& [ip, unresolved] : home.unresolved) {
      if (!unresolved.back()) {
        states[ip] = GatewayState::kDead;
      } else if (states[ip] != GatewayState::kDead) {
        states[ip] = GatewayState::kBack;
      }
    }
    for (const auto& [ip, state] : states) {
      if (state == GatewayState::kDead || state == GatewayState::kBack) {
        findings.dead.emplace(name, ip);
      }
    }
    for (const IpAddress& worse : WorseGateways(states)) {
      findings.avoided.emplace(name, worse);
    }
  }
}

bool PathWatch::IsDead(const std::string& nic) const {
  return std::any_of(groups_.begin(), groups_.end(), [&nic](const auto& entry) {
    const auto path = entry.second.paths.nics.find(nic);
    return path != entry.second.paths.nics.end() && path->second.state == PathState::kDead;
  });
}

void PathWatch::Send(IfIndex link, const Frame& frame) {
  if (absl::Status status = prober_.Send(link, frame); status.ok()) {
    refused_.erase(link);
  } else {
    refused_[link] = std::move(status);
  }
}

void PathWatch::Ask(const Nic& nic, const MacAddress& mac, bool broadcast, const PathScene& scene) {
  const LinkFact& link = *nic.member->link;
  const auto target = std::find_if(nic.targets.begin(), nic.targets.end(),
                                   [&mac](const Target& each) { return each.mac == mac; });
  const Question question = BestQuestion(scene.facts, link.index, target->ips);
  if (question.target.IsUnspecified()) {
    return;  // IPv6 only, and not even a link-local address to ask from
  }
  const MacAddress everybody =
      question.target.IsV4() ? kBroadcast : MulticastMac(SolicitedNode(question.target));
  Send(link.index, FrameOf(question, broadcast ? everybody : mac, link.mac));
}

// A broadcast that any sibling hears. Without an IPv4 host to ask for it asks for nobody.
void PathWatch::Call(const Nic& nic, const Group& group, const PathScene& scene) {
  const LinkFact& link = *nic.member->link;
  std::vector<IpAddress> hosts;
  for (const auto& [ip, mac] : group.macs) {
    if (ip.IsV4()) {
      hosts.push_back(ip);
    }
  }
  Question question = BestQuestion(scene.facts, link.index, hosts);
  if (hosts.empty()) {
    question = {.target = IpAddress::V4(0), .source = IpAddress::V4(0)};
  }
  Send(link.index, FrameOf(question, kBroadcast, link.mac));
}

void PathWatch::AskNeighbors(const Nic& nic, const PathScene& scene) {
  const LinkFact& link = *nic.member->link;
  size_t asked = 0;
  for (const NeighborFact& neighbor : scene.neighbors.On(link.index, scene.now)) {
    const bool watched =
        std::any_of(nic.targets.begin(), nic.targets.end(),
                    [&neighbor](const Target& target) { return target.mac == neighbor.mac; });
    const Question question = BestQuestion(scene.facts, link.index, {neighbor.ip});
    if (watched || IsOurs(scene.facts, neighbor.mac) || question.target.IsUnspecified()) {
      continue;
    }
    Send(link.index, FrameOf(question, neighbor.mac, link.mac));
    if (++asked == kWitnesses) {
      return;
    }
  }
}

}  // namespace stronghost
