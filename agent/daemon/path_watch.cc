#include "agent/daemon/path_watch.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "agent/base/clock.h"
#include "agent/base/status.h"
#include "agent/decide/path_targets.h"

namespace stronghost {
namespace {

constexpr size_t kWitnesses = 3;
constexpr MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

bool IsOurs(const Facts& facts, const MacAddress& mac) {
  return std::any_of(facts.links.begin(), facts.links.end(),
                     [&mac](const auto& entry) { return entry.second.mac == mac; });
}

// Of a NIC that is there and has carrier.
std::string StateOf(const NicPath& path) {
  if (path.state == PathState::kDead) {
    return "dead";
  }
  return path.cause == PathCause::kNone || path.AnyAlive() ? "fine" : "silent";
}

// What people are told: "probing" is no news.
GatewayState Told(GatewayState state) {
  return state == GatewayState::kProbing ? GatewayState::kFine : state;
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
      if (fact.link != link || fact.ip.address.IsV4() != target.IsV4()) {
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
  send_status_ = absl::OkStatus();
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
  const std::vector<IpAddress> hosts = Hosts(config, group, scene);
  std::vector<NicLook> looks;
  for (auto& [name, nic] : group.nics) {
    nic.targets = Resolve(group, hosts, *nic.member, scene);
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
  FindAvoided(group, findings);
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
std::vector<PathWatch::Target> PathWatch::Resolve(Group& group, const std::vector<IpAddress>& hosts,
                                                  const Member& member, const PathScene& scene) {
  std::vector<Target> targets;
  for (const IpAddress& ip : hosts) {
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

// Where another gateway took over, nobody asks for this one any more: the kernel is made to, as
// long as the group sends, or tries to.
void PathWatch::FindUnresolved(const GroupConfig& config, Group& group, const PathScene& scene) {
  const auto failed = [&](const LinkFact* link, const IpAddress& ip) {
    return link != nullptr && scene.neighbors.HasFailed(link->index, ip, scene.now);
  };
  bool busy = group.paths.busy + kBusy > scene.now;
  for (const auto& [name, nic] : group.nics) {
    for (const IpAddress& ip : group.gateways) {
      busy = busy || failed(nic.member->link, ip);
    }
  }
  for (auto& [name, nic] : group.nics) {
    const LinkFact* link = nic.member->link;
    absl::btree_map<IpAddress, Unresolved> known = std::exchange(nic.unresolved, {});
    for (const IpAddress& ip : group.gateways) {
      if (link == nullptr) {
        continue;
      }
      auto it = known.find(ip);
      if (it == known.end() && !failed(link, ip)) {
        continue;
      }
      Unresolved& entry = nic.unresolved[ip];
      entry = it != known.end() ? it->second : Unresolved{.since = scene.now, .asked = scene.now};
      if (!scene.neighbors.MacOf(link->index, ip).has_value()) {
        entry.answered = absl::InfiniteFuture();
        if (busy && entry.asked + kSlowProbe <= scene.now) {
          entry.asked = scene.now;
          unresolved_.emplace_back(link->index, ip);
        }
        continue;
      }
      entry.answered = std::min(entry.answered, scene.now);
      if (entry.answered + config.failback <= scene.now) {
        nic.unresolved.erase(ip);
      }
    }
  }
}

// A home's gateways are as its wire hears them, and as its NIC resolves them.
void PathWatch::FindAvoided(const Group& group, PathFindings& findings) const {
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
      states[ip] = GatewayState::kDead;
    }
    for (const IpAddress& worse : WorseGateways(states)) {
      findings.avoided.emplace(name, worse);
    }
  }
}

void PathWatch::Note(const GroupConfig& config, Group& group) {
  for (auto& [name, nic] : group.nics) {
    const NicPath& path = group.paths.nics.at(name);
    const std::string path_state = StateOf(path);
    const PathCause cause = path_state == "fine" ? PathCause::kNone : path.cause;
    if (path_state != nic.state || cause != nic.cause) {
      nic.state = path_state;
      nic.cause = cause;
      changes_.push_back({.group = config.name,
                          .nic = name,
                          .state = path_state,
                          .cause = std::string(ToString(cause))});
    }
    for (const IpAddress& ip : group.gateways) {
      const bool unresolved = nic.unresolved.contains(ip);
      if (unresolved != nic.told_unresolved.contains(ip)) {
        if (unresolved) {
          nic.told_unresolved.insert(ip);
        } else {
          nic.told_unresolved.erase(ip);
        }
        changes_.push_back({.group = config.name,
                            .nic = name,
                            .gateway = ip.ToString(),
                            .state = unresolved ? "unresolved" : "fine",
                            .cause = unresolved ? "gateway" : ""});
      }
    }
    for (const Target& target : nic.targets) {
      const auto health = path.gateways.find(target.mac);
      if (health == path.gateways.end()) {
        continue;
      }
      for (const IpAddress& ip : target.ips) {
        const GatewayState state = Told(health->second.state);
        GatewayState& told = nic.told.try_emplace(ip, GatewayState::kFine).first->second;
        // Of a dead one the cause is told with it, as soon as it is known.
        if (state == told || (state == GatewayState::kDead && path.cause == PathCause::kNone)) {
          continue;
        }
        told = state;
        changes_.push_back({.group = config.name,
                            .nic = name,
                            .gateway = ip.ToString(),
                            .state = std::string(ToString(state)),
                            .cause = std::string(ToString(path.cause))});
      }
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
  send_status_.Update(prober_.Send(link, frame));
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

void PathWatch::Describe(std::vector<GroupReport>& groups) const {
  for (GroupReport& report : groups) {
    const auto group = groups_.find(report.name);
    if (group == groups_.end()) {
      continue;
    }
    for (NicReport& nic_report : report.nics) {
      const auto nic = group->second.nics.find(nic_report.name);
      const auto path = group->second.paths.nics.find(nic_report.name);
      if (nic == group->second.nics.end() || path == group->second.paths.nics.end()) {
        continue;
      }
      nic_report.cause = std::string(ToString(path->second.cause));
      if (path->second.cause != PathCause::kNone) {
        nic_report.cause_since = ToWallTime(path->second.cause_since);
        nic_report.mend =
            Mend(path->second.cause, nic_report.name, SilentOnes(nic->second, path->second));
      }
      for (const IpAddress& ip : group->second.gateways) {
        GatewayReport gateway{.ip = ip.ToString(), .nic = nic_report.name, .state = "fine"};
        if (const auto entry = nic->second.unresolved.find(ip);
            entry != nic->second.unresolved.end()) {
          gateway.state = "unresolved";
          gateway.since = ToWallTime(entry->second.since);
          report.gateways.push_back(std::move(gateway));
          continue;
        }
        for (const Target& target : nic->second.targets) {
          const auto health = path->second.gateways.find(target.mac);
          if (health != path->second.gateways.end() &&
              std::find(target.ips.begin(), target.ips.end(), ip) != target.ips.end()) {
            gateway.mac = target.mac;
            gateway.state = std::string(ToString(health->second.state));
            gateway.since = ToWallTime(health->second.since);
            gateway.heard = ToWallTime(health->second.evidence);
          }
        }
        report.gateways.push_back(std::move(gateway));
      }
    }
  }
}

std::string PathWatch::SilentOnes(const Nic& nic, const NicPath& path) {
  std::vector<std::string> silent;
  for (const Target& target : nic.targets) {
    const auto health = path.gateways.find(target.mac);
    if (health != path.gateways.end() && health->second.state == GatewayState::kDead) {
      for (const IpAddress& ip : target.ips) {
        silent.push_back(ip.ToString());
      }
    }
  }
  return silent.empty() ? "a gateway" : absl::StrJoin(silent, ", ");
}

// Of NICs that are missing or have no carrier the table of NICs tells.
std::vector<std::string> PathWatch::Problems() const {
  std::vector<std::string> problems;
  for (const auto& [name, group] : groups_) {
    for (const auto& [nic_name, nic] : group.nics) {
      const auto path = group.paths.nics.find(nic_name);
      if (path == group.paths.nics.end() || path->second.cause == PathCause::kNone ||
          path->second.cause == PathCause::kNic || path->second.cause == PathCause::kCable) {
        continue;
      }
      std::string problem = Mend(path->second.cause, nic_name, SilentOnes(nic, path->second));
      if (std::find(problems.begin(), problems.end(), problem) == problems.end()) {
        problems.push_back(std::move(problem));
      }
    }
  }
  return problems;
}

}  // namespace stronghost
