#include "tests/bench/contenders.h"

#include <csignal>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost::bench {

std::string GroupKeys(const std::string& mac, const std::string& xdp) {
  return absl::StrCat("mac = \"", mac, "\"\nxdp = \"", xdp,
                      "\"\nfailback = \"50ms\"\n"
                      "gateways = [\"198.51.100.254\", \"2001:db8::fe\"]\n");
}

absl::StatusOr<Contender> Contender::Make(const ContenderOptions& options) {
  ASSIGN_OR_RETURN(auto lab, lab::Lab::Create(options.lab));
  Contender contender(options.name, std::move(lab));
  if (!options.group_keys.has_value()) {
    return contender;
  }
  const lab::NetNs& server = contender.lab().server();
  ASSIGN_OR_RETURN(
      lab::Agent agent,
      lab::Agent::Start(server, {.groups = lab::GroupToml({"eth0", "eth1"}, *options.group_keys)}));
  contender.agent_.emplace(std::move(agent));
  // What was asked for is what is measured.
  ASSIGN_OR_RETURN(const std::string link, server.Check({"ip", "link", "show", "eth0"}));
  const bool native = absl::StrContains(*options.group_keys, "xdp = \"native\"");
  if (native != absl::StrContains(link, " xdp ")) {
    return absl::InternalError(absl::StrCat(options.name, ": XDP is not as configured: ", link));
  }
  return contender;
}

absl::Status Contender::Pause() {
  return has_agent() ? agent().process().Kill(SIGSTOP) : absl::OkStatus();
}

absl::Status Contender::Resume() {
  return has_agent() ? agent().process().Kill(SIGCONT) : absl::OkStatus();
}

absl::StatusOr<int64_t> Contender::Counter(const std::string& verdict) {
  ASSIGN_OR_RETURN(const nlohmann::json status, agent().Status());
  return status.at("counters").value(verdict, int64_t{0});
}

absl::StatusOr<std::vector<Contender>> MakeContenders(
    const std::vector<ContenderOptions>& options) {
  std::vector<Contender> contenders;
  for (const ContenderOptions& one : options) {
    ASSIGN_OR_RETURN(Contender contender, Contender::Make(one));
    contenders.push_back(std::move(contender));
  }
  return contenders;
}

absl::Status GiveWayTo(size_t index, std::vector<Contender>& contenders) {
  for (size_t i = 0; i < contenders.size(); ++i) {
    RETURN_IF_ERROR(i == index ? contenders[i].Resume() : contenders[i].Pause());
  }
  return absl::OkStatus();
}

}  // namespace stronghost::bench
