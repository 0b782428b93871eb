// The configuration as plain values: what stronghost.toml(5) says, after defaults, before the
// machine is looked at. Names are the TOML keys.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "agent/base/net_types.h"

namespace stronghost {

enum class HostModel { kStrong, kWeak };
enum class MacMode { kAuto, kFollow, kStay };
enum class XdpMode { kAuto, kNative, kGeneric, kOff };
enum class TcMode { kAuto, kTcx, kClsact };
enum class ConflictMode { kDefend, kReport };
enum class ProbeMode { kOff, kOnSuspicion, kAlways };
enum class SourceChoice { kRouting, kSpread };

constexpr int kMaxFlapLimit = 1000;
constexpr int kMaxSourceWeight = 100;
// Fits the largest socket mark that an int holds.
constexpr int kMaxReplyMark = 0x7fffff00;

// A managed address written down by the user; it is added to its home when it is missing there.
struct AddressConfig {
  IpPrefix ip;
  std::string home;  // NIC name, a member of the group
  // Its own default gateways, the preferred one first (`gateway` or `gateways`); none: the group's.
  std::vector<IpAddress> gateways;

  bool operator==(const AddressConfig&) const = default;
};

// Addresses that belong to a home without standing on it, as the source of containers, of a routed
// subnet, or of an AnyIP range (`ip route add local PREFIX dev lo`).
struct PrefixConfig {
  IpPrefix prefix;   // a network: no host bits
  std::string home;  // NIC name, a member of the group

  bool operator==(const PrefixConfig&) const = default;
};

struct DetectConfig {
  absl::Duration carrier_poll = absl::Milliseconds(2);
  ProbeMode probe = ProbeMode::kOnSuspicion;
  std::vector<IpAddress> probe_targets;

  bool operator==(const DetectConfig&) const = default;
};

// Whose address an unbound socket gets.
struct SourceConfig {
  SourceChoice choose = SourceChoice::kRouting;
  std::vector<IpAddress> prefer;                   // these alone while one of them can be used
  std::vector<IpAddress> avoid;                    // these only while there is no other
  std::vector<std::pair<IpAddress, int>> weights;  // 1 to kMaxSourceWeight; of all others 1

  bool operator==(const SourceConfig&) const = default;
};

// NICs of one layer-2 segment. `nics` keeps the order of the file: it is the order of preference
// among equals. `standby` names members of `nics` (or further ones) that carry nothing until a
// failure.
struct GroupConfig {
  std::string name;
  std::vector<std::string> nics;
  std::vector<std::string> standby;
  bool adopt = true;
  MacMode mac = MacMode::kAuto;
  XdpMode xdp = XdpMode::kAuto;
  std::vector<IpAddress> gateways;
  absl::Duration failback = absl::Seconds(5);                // InfiniteDuration: "never"
  absl::Duration relocate_after = absl::InfiniteDuration();  // InfiniteDuration: "never"
  ConflictMode conflict = ConflictMode::kDefend;
  int flap_limit = 0;  // losses of a link within a minute, after which it is left out; 0: none
  bool policy_rules = true;
  DetectConfig detect;
  SourceConfig source;
  std::vector<AddressConfig> addresses;
  std::vector<PrefixConfig> prefixes;

  // All members, `nics` first, then those of `standby` that `nics` does not name.
  [[nodiscard]] std::vector<std::string> Members() const;
  [[nodiscard]] bool IsStandby(const std::string& nic) const;

  bool operator==(const GroupConfig&) const = default;
};

struct Config {
  std::string socket = "/run/stronghost/stronghost.sock";
  std::string pin_dir = "/sys/fs/bpf/stronghost";
  std::string state_dir = "/var/lib/stronghost";
  std::string metrics = "127.0.0.1:9842";  // "": off
  HostModel host_model = HostModel::kStrong;
  TcMode tc = TcMode::kAuto;
  std::string cgroup = "auto";                // whose UDP answers are mended; "": nobody's
  std::vector<uint16_t> reply_source_except;  // UDP ports
  int reply_mark = 0x53480000;                // "SH"; the low 8 bits are 0; 0: no marks
  std::vector<GroupConfig> groups;

  bool operator==(const Config&) const = default;
};

}  // namespace stronghost
