// What is told of paths and gateways: events, status, problems.
#include <algorithm>

#include "absl/strings/str_join.h"
#include "agent/base/clock.h"
#include "agent/daemon/path_watch.h"

namespace stronghost {
namespace {

// Of a NIC that is there and has carrier.
std::string StateOf(const NicPath& path) {
  if (path.state == PathState::kDead) {
    return "dead";
  }
  return path.cause == PathCause::kNone || path.AnyAlive() ? "fine" : "silent";
}

}  // namespace

PathWatch::Heard PathWatch::HeardOf(const Nic& nic, const NicPath& path, const IpAddress& ip) {
  for (const Target& target : nic.targets) {
    if (std::find(target.ips.begin(), target.ips.end(), ip) == target.ips.end()) {
      continue;
    }
    const auto health = path.gateways.find(target.mac);
    return {target.mac, health == path.gateways.end() ? nullptr : &health->second};
  }
  return {};
}

GatewayView PathWatch::ViewOf(const Nic& nic, const NicPath& path, const IpAddress& ip) {
  const auto unresolved = nic.unresolved.find(ip);
  return stronghost::ViewOf(HeardOf(nic, path, ip).health,
                            unresolved == nic.unresolved.end() ? nullptr : &unresolved->second,
                            path.cause);
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
    const auto told = std::exchange(nic.told, {});
    for (const IpAddress& ip : group.hosts) {
      const auto before = told.find(ip);
      absl::string_view& last = nic.told[ip];
      last = before == told.end() ? ToString(GatewayState::kFine) : before->second;
      if (const GatewayView view = ViewOf(nic, path, ip); IsNews(view, last)) {
        last = ToldState(view);
        changes_.push_back({.group = config.name,
                            .nic = name,
                            .gateway = ip.ToString(),
                            .state = std::string(last),
                            .cause = std::string(ToString(view.cause))});
      }
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
        const GatewayView view = ViewOf(nic->second, path->second, ip);
        report.gateways.push_back({.ip = ip.ToString(),
                                   .nic = nic_report.name,
                                   .mac = HeardOf(nic->second, path->second, ip).mac,
                                   .state = std::string(view.state),
                                   .since = ToWallTime(view.since),
                                   .heard = ToWallTime(view.heard)});
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
