// A small segment for the tests of group_paths: NICs, gateways and other hosts, any of which can
// fall silent. Time goes in looks of 100 ms; an answer to a probe is there at the next look.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/decide/group_paths.h"

namespace stronghost {

class PathWorld {
 public:
  static constexpr absl::Duration kLook = absl::Milliseconds(100);

  explicit PathWorld(int nics = 2, int gateways = 1) {
    for (int i = 0; i < gateways; ++i) {
      gateways_.push_back({{2, 0, 0, 0, 0x50, static_cast<uint8_t>(i + 1)}});
      alive.insert(i);
    }
    for (int i = 0; i < nics; ++i) {
      nics_.push_back({.name = Name(i),
                       .there = true,
                       .carrier = true,
                       .own_wire = true,
                       .watched = gateways_});
      connected.insert(i);
    }
  }

  static std::string Name(int nic) { return absl::StrCat("n", nic); }

  // Traffic that NIC `nic` has with gateway `to` in each look; `answered`: in both directions.
  struct Traffic {
    int nic = 0;
    int to = 0;
    bool answered = true;
  };

  // Looks for `time`. True as soon as `until` holds, if it is given.
  template <typename Until>
  bool Run(absl::Duration time, Until until) {
    for (const absl::Time end = now + time; now < end;) {
      Step();
      if (until()) {
        return true;
      }
    }
    return false;
  }
  void Run(absl::Duration time) {
    Run(time, [] { return false; });
  }

  // How many probes NIC `nic` has sent to a gateway.
  int Probes(int nic, int gateway = 0) const {
    const auto it = probes_.find({Name(nic), gateways_[static_cast<size_t>(gateway)]});
    return it == probes_.end() ? 0 : it->second;
  }
  int Probes() const {
    int sum = 0;
    for (const auto& [key, count] : probes_) {
      sum += count;
    }
    return sum;
  }
  const NicPath& Path(int nic) const { return paths.nics.at(Name(nic)); }
  GatewayState State(int nic, int gateway = 0) const {
    return Path(nic).gateways.at(gateways_[static_cast<size_t>(gateway)]).state;
  }
  NicLook& Nic(int nic) { return nics_[static_cast<size_t>(nic)]; }

  GroupPaths paths;
  std::vector<Traffic> traffic;
  std::set<int> connected;  // NICs with a path to the segment
  std::set<int> alive;      // gateways
  bool others = true;       // another host answers
  ProbeMode mode = ProbeMode::kOnSuspicion;
  absl::Duration failback = absl::Seconds(5);
  absl::Time now = absl::FromUnixSeconds(1000);
  int calls = 0;
  int witnesses = 0;
  absl::Duration shortest_interval = absl::InfiniteDuration();  // of probes of a NIC to a gateway

  void Step() {
    now += kLook;
    for (const Traffic& flow : traffic) {
      GatewayEvidence& evidence = Nic(flow.nic).evidence.gateways[Mac(flow.to)];
      evidence.sent = true;
      evidence.heard |= flow.answered && Reaches(flow.nic, flow.to);
    }
    const GroupLook look = stronghost::Look(paths, nics_, mode, failback, now);
    for (NicLook& nic : nics_) {
      nic.evidence = {};
    }
    for (const GatewayProbe& probe : look.probes) {
      Answer(probe);
    }
    if (!look.call.empty()) {
      ++calls;
      for (size_t i = 0; i < nics_.size(); ++i) {
        nics_[i].evidence.echo = nics_[i].name != look.call &&
                                 connected.contains(Number(look.call)) &&
                                 connected.contains(static_cast<int>(i));
      }
    }
    if (!look.witnesses.empty()) {
      ++witnesses;
      Nic(Number(look.witnesses)).evidence.others =
          others && connected.contains(Number(look.witnesses));
    }
  }

 private:
  static int Number(const std::string& name) { return name[1] - '0'; }
  MacAddress Mac(int gateway) const { return gateways_[static_cast<size_t>(gateway)]; }
  bool Reaches(int nic, int gateway) const {
    return connected.contains(nic) && alive.contains(gateway);
  }
  void Answer(const GatewayProbe& probe) {
    ++probes_[{probe.nic, probe.gateway}];
    absl::Time& last = probed_[{probe.nic, probe.gateway}];
    shortest_interval = std::min(shortest_interval, now - last);
    last = now;
    for (size_t i = 0; i < gateways_.size(); ++i) {
      if (gateways_[i] == probe.gateway && Reaches(Number(probe.nic), static_cast<int>(i))) {
        Nic(Number(probe.nic)).evidence.gateways[probe.gateway].confirmed = true;
      }
    }
  }

  std::vector<MacAddress> gateways_;
  std::vector<NicLook> nics_;
  absl::btree_map<std::pair<std::string, MacAddress>, int> probes_;
  absl::btree_map<std::pair<std::string, MacAddress>, absl::Time> probed_;
};

}  // namespace stronghost
