// What the agent shows of itself: plain values, filled by the daemon, sent by varlink_server,
// published by metrics and printed by the command line. States and modes are the words of the
// outside contract, so that an older command prints a newer daemon's word instead of refusing it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "agent/base/net_types.h"

namespace stronghost {

// One member of a group.
struct NicReport {
  std::string name;
  IfIndex ifindex = IfIndex::kNone;  // kNone while the NIC is missing
  MacAddress mac;                    // all zero while it is not known
  std::string state;  // "missing" | "down" | "drained" | "suspect" | "standby" | "up"
  HomeIndex home = HomeIndex::kNone;
  bool carrier = false;
  std::string xdp;                          // in force: "native" | "generic" | "off"
  std::string tc;                           // in force: "tcx" | "clsact"
  std::vector<std::string> notes;           // what is worth knowing; also among the problems
  absl::Time since = absl::InfinitePast();  // last change of `state`; InfinitePast: not known
  // What is wrong: "" | "nic" | "cable" | "uplink" | "gateway" | "segment"; since when; the mend.
  std::string cause;
  absl::Time cause_since = absl::InfinitePast();
  std::string mend;

  bool operator==(const NicReport&) const = default;
};

// A gateway as it is heard through one NIC.
struct GatewayReport {
  std::string ip;
  std::string nic;
  MacAddress mac;                           // all zero: not known, so nothing else is
  std::string state;                        // "fine" | "probing" | "dead" | "back" | "unresolved"
  absl::Time since = absl::InfinitePast();  // last change of `state`; InfinitePast: not known
  absl::Time heard = absl::InfinitePast();  // last frame to this host alone; the same

  bool operator==(const GatewayReport&) const = default;
};

// One managed address.
struct AddressReport {
  std::string ip;                           // no prefix length; link-local ones read "fe80::1%eth0"
  std::string home;                         // NIC name
  std::string wire;                         // NIC name; "": nothing carries it now
  std::string origin;                       // relocated: the NIC that it belongs to; else ""
  absl::Time since = absl::InfinitePast();  // last change of `wire` or `home`

  bool operator==(const AddressReport&) const = default;
};

// One [[group.prefix]].
struct PrefixReport {
  std::string prefix;
  std::string home;  // NIC name
  std::string wire;  // NIC name; "": nothing carries it now

  bool operator==(const PrefixReport&) const = default;
};

// NICs of one layer-2 segment.
struct GroupReport {
  std::string name;
  std::string mac;  // in force: "follow" | "stay"
  std::vector<NicReport> nics;
  std::vector<AddressReport> addresses;
  std::vector<PrefixReport> prefixes;
  std::vector<GatewayReport> gateways;

  bool operator==(const GroupReport&) const = default;
};

// A home whose frames another NIC carries.
struct StandInReport {
  std::string home;
  std::string wire;
  uint64_t addresses = 0;
  absl::Time since = absl::InfinitePast();  // the latest change among its addresses

  bool operator==(const StandInReport&) const = default;
};

// Addresses of one NIC that live on another one meanwhile.
struct RelocatedReport {
  std::string origin;
  std::string home;
  uint64_t addresses = 0;

  bool operator==(const RelocatedReport&) const = default;
};

std::vector<RelocatedReport> Relocated(const GroupReport& group);

// The stand-ins that the group's addresses tell of, by home and wire.
std::vector<StandInReport> StandIns(const GroupReport& group);

// Packets and bytes since the data path was loaded.
struct CounterReport {
  uint64_t packets = 0;
  uint64_t bytes = 0;

  bool operator==(const CounterReport&) const = default;
};

// The daemon itself.
struct AgentReport {
  std::string version;
  int64_t pid = 0;
  absl::Time started = absl::InfinitePast();
  std::vector<std::string> carrier_signals;  // in use: "fentry", "egress", "poll", "rtnetlink"
  std::string no_fentry;                     // why it is not among them, and the mend
  std::string pin_dir;

  bool operator==(const AgentReport&) const = default;
};

struct StatusReport {
  std::vector<GroupReport> groups;
  // Verdict -> packets of all NICs. Verdict names: SH_VERDICTS in maps/counters.h.
  absl::btree_map<std::string, uint64_t> counters;
  // NIC -> verdict -> packets and bytes.
  absl::btree_map<std::string, absl::btree_map<std::string, CounterReport>> nic_counters;
  std::vector<std::string> problems;  // each: what is wrong, and the mend
  AgentReport agent;

  bool operator==(const StatusReport&) const = default;
};

// What would become of a packet, and why.
struct ExplainReport {
  std::string source;
  std::string destination;
  std::string home;    // NIC name; "": unmanaged
  std::string wire;    // NIC name; "": unmanaged, or nothing carries the home now
  std::string action;  // "pass" | "redirect" | "unmanaged"
  std::optional<std::string> next_hop;
  std::vector<std::string> why;  // one step of the reasoning each, in order

  bool operator==(const ExplainReport&) const = default;
};

// An address that was moved to another NIC.
struct MoveReport {
  std::string address;
  std::string from;  // NIC names; equal: it lived there already
  std::string to;
  uint64_t sessions_ended = 0;  // masqueraded ones
  uint64_t expires_in = 0;      // seconds of its lifetime; 0: it has no end

  bool operator==(const MoveReport&) const = default;
};

// What would become of a home if NICs were lost.
struct WhatIfHome {
  std::string group;
  std::string nic;
  std::string wire;        // that carries it now; "": none
  std::string then;        // that would carry it; "": none that works
  uint64_t addresses = 0;  // that it would own

  bool operator==(const WhatIfHome&) const = default;
};

struct WhatIfReport {
  std::vector<WhatIfHome> homes;
  std::vector<RelocatedReport> relocated;  // what would move, at once

  bool operator==(const WhatIfReport&) const = default;
};

// A NIC that was taken out of service, or put back.
struct DrainReport {
  std::string nic;
  std::string state;       // as in status
  std::string wire;        // the NIC that carries its frames now; "": none
  uint64_t addresses = 0;  // that it owns

  bool operator==(const DrainReport&) const = default;
};

}  // namespace stronghost
