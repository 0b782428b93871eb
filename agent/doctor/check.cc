#include "agent/doctor/check.h"

#include "absl/strings/str_cat.h"

namespace stronghost {

absl::string_view NameOf(CheckStatus status) {
  switch (status) {
    case CheckStatus::kOk:
      return "ok";
    case CheckStatus::kWarn:
      return "warn";
    case CheckStatus::kFail:
      return "fail";
  }
  return "?";
}

Check FromMessage(absl::string_view name, CheckStatus status, const std::string& message) {
  Check check{std::string(name), status, message, ""};
  if (const size_t cut = message.rfind("; "); cut != std::string::npos) {
    check.detail = message.substr(0, cut);
    check.fix = message.substr(cut + 2);
  }
  return check;
}

std::vector<std::string> MembersOf(const Config& config) {
  std::vector<std::string> nics;
  for (const GroupConfig& group : config.groups) {
    const std::vector<std::string> members = group.Members();
    nics.insert(nics.end(), members.begin(), members.end());
  }
  return nics;
}

std::vector<std::string> DoctorSysctls(const std::vector<std::string>& nics) {
  std::vector<std::string> paths = {"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"};
  std::vector<std::string> scopes = nics;
  scopes.emplace_back("all");
  for (const std::string& scope : scopes) {
    for (const char* knob : {"rp_filter", "arp_ignore", "arp_announce", "arp_filter"}) {
      paths.push_back(absl::StrCat("net/ipv4/conf/", scope, "/", knob));
    }
  }
  for (const std::string& nic : nics) {
    paths.push_back(absl::StrCat("net/ipv6/conf/", nic, "/disable_ipv6"));
  }
  return paths;
}

std::vector<Check> RunChecks(const DoctorFacts& facts) {
  std::vector<Check> checks;
  CheckKernel(facts, checks);
  CheckHost(facts, checks);
  CheckNetwork(facts, checks);
  return checks;
}

}  // namespace stronghost
