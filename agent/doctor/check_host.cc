#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/decide/address_managers.h"
#include "agent/doctor/check.h"

namespace stronghost {
namespace {

void CheckConfiguration(const DoctorFacts& facts, std::vector<Check>& checks) {
  if (!facts.config_problem.empty()) {
    checks.push_back(FromMessage("configuration", CheckStatus::kFail, facts.config_problem));
  } else if (!facts.config.has_value()) {
    checks.push_back({"configuration", CheckStatus::kWarn, "there is none",
                      "stronghost suggest writes one for this host"});
  } else if (facts.config->groups.empty()) {
    checks.push_back({"configuration", CheckStatus::kWarn, "it has no group: nothing is managed",
                      "stronghost suggest writes one for this host"});
  } else {
    checks.push_back({"configuration", CheckStatus::kOk,
                      absl::StrCat("members: ", absl::StrJoin(MembersOf(*facts.config), ", ")),
                      ""});
  }
}

void CheckSignals(const AgentReport& agent, std::vector<Check>& checks) {
  const auto& signals = agent.carrier_signals;
  const auto has = [&signals](const char* signal) {
    return std::find(signals.begin(), signals.end(), signal) != signals.end();
  };
  const std::string seen = absl::StrCat("a lost carrier is seen by ", absl::StrJoin(signals, ", "));
  if (has("fentry")) {
    checks.push_back({"carrier", CheckStatus::kOk, seen, ""});
  } else if (has("egress")) {
    checks.push_back(
        FromMessage("carrier", CheckStatus::kOk,
                    absl::StrCat(seen, ", without traffic by the agent first: ", agent.no_fentry)));
  } else {
    checks.push_back({"carrier", CheckStatus::kWarn,
                      absl::StrCat(seen, ": the first packet does not see it, the poll does"),
                      "use Linux 6.2 or later, or lift the kernel's lockdown"});
  }
}

void CheckAgent(const DoctorFacts& facts, std::vector<Check>& checks) {
  if (!facts.status.has_value()) {
    checks.push_back(FromMessage("agent", CheckStatus::kWarn, facts.no_agent));
    return;
  }
  const AgentReport& agent = facts.status->agent;
  const bool same = agent.version == facts.version;
  checks.push_back({"agent", same ? CheckStatus::kOk : CheckStatus::kWarn,
                    absl::StrCat("stronghostd ", agent.version, " answers, pid ", agent.pid,
                                 same ? "" : absl::StrCat("; this command is ", facts.version)),
                    same ? "" : "restart stronghostd: no packet is lost"});
  CheckSignals(agent, checks);
  for (const GroupReport& group : facts.status->groups) {
    for (const NicReport& nic : group.nics) {
      if (nic.state != "missing") {
        checks.push_back({"hooks", CheckStatus::kOk,
                          absl::StrCat(nic.name, ": tc ", nic.tc.empty() ? "none" : nic.tc,
                                       ", xdp ", nic.xdp.empty() ? "off" : nic.xdp),
                          ""});
      }
    }
  }
  for (const std::string& problem : facts.status->problems) {
    checks.push_back(FromMessage("problem", CheckStatus::kWarn, problem));
  }
}

// Whether they have the setting is not looked at: the agent tells when addresses went.
void CheckManagers(const DoctorFacts& facts, std::vector<Check>& checks) {
  for (const auto& [name, setting] : kAddressManagers) {
    if (std::find(facts.managers.begin(), facts.managers.end(), name) != facts.managers.end()) {
      checks.push_back({"managers", CheckStatus::kOk,
                        absl::StrCat(name,
                                     " runs: it keeps the addresses of a NIC without carrier "
                                     "only with ",
                                     setting),
                        ""});
    }
  }
}

}  // namespace

void CheckHost(const DoctorFacts& facts, std::vector<Check>& checks) {
  CheckConfiguration(facts, checks);
  CheckAgent(facts, checks);
  CheckManagers(facts, checks);
}

}  // namespace stronghost
