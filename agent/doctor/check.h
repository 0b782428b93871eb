// The checks of `stronghost doctor`. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/config/config.h"
#include "agent/decide/facts.h"
#include "agent/serve/report.h"

namespace stronghost {

// kWarn: it works less well, or could not be looked at. kFail: Stronghost cannot do its work so.
enum class CheckStatus { kOk, kWarn, kFail };

absl::string_view NameOf(CheckStatus status);  // "ok", "warn", "fail"

struct Check {
  std::string name;  // of a few words: "kernel", "rp_filter"; several checks may have one
  CheckStatus status = CheckStatus::kOk;
  std::string detail;
  std::string fix;  // "": nothing to do, or nobody knows

  bool operator==(const Check&) const = default;
};

// What the checks look at. What could not be read is absent.
struct DoctorFacts {
  std::string kernel_release;  // uname(2): "6.1.0-28-amd64"
  bool btf = false;            // the kernel's own
  bool pins_on_bpffs = false;  // pin_dir, or the nearest folder above it that exists
  bool cgroup2 = false;        // mounted
  // Capabilities that a process of this one's may have (CapBnd of proc(5)).
  std::optional<uint64_t> capability_bounds;
  // The file; else, where an agent answers, its groups; else nothing.
  std::optional<Config> config;
  std::string config_problem;          // the first of a file that is there and no good
  std::optional<StatusReport> status;  // of the agent at the socket
  std::string no_agent;                // why there is none
  std::string version;                 // of this command
  Facts facts;
  // By path below /proc/sys: "net/ipv4/conf/eth0/rp_filter".
  std::map<std::string, std::string> sysctls;
  std::map<std::string, uint64_t> sockets;  // protocol -> number, /proc/net/protocols
  std::vector<std::string> managers;        // of addresses, that run here: RunningManagers()
};

// All checks, the most general first.
std::vector<Check> RunChecks(const DoctorFacts& facts);

// The parts of RunChecks().
void CheckKernel(const DoctorFacts& facts, std::vector<Check>& checks);   // and what it offers
void CheckHost(const DoctorFacts& facts, std::vector<Check>& checks);     // agent, configuration
void CheckNetwork(const DoctorFacts& facts, std::vector<Check>& checks);  // NICs, knobs, sockets

// A message of the agent's, "what is wrong; the mend", as a check.
Check FromMessage(absl::string_view name, CheckStatus status, const std::string& message);

// Names of the members of all groups.
std::vector<std::string> MembersOf(const Config& config);

// Sysctls that the checks ask for, given the members.
std::vector<std::string> DoctorSysctls(const std::vector<std::string>& nics);

}  // namespace stronghost
