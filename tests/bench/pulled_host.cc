#include "tests/bench/pulled_host.h"

#include <sys/socket.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"
#include "tests/lib/process.h"

namespace stronghost::bench {
namespace {

constexpr absl::Duration kSettles = absl::Seconds(30);
constexpr char kTeam[] =
    R"({"device": "team0", "link_watch": {"name": "ethtool"}, "runner": {"name": "activebackup"},
        "ports": {"eth0": {"prio": 10}, "eth1": {"prio": 5}}})";

absl::StatusOr<IpAddress> Parse(const char* text) {
  return IpAddress::Parse(text);
}

// In the guest's first namespace.
absl::Status Ip(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "ip");
  ASSIGN_OR_RETURN(const lab::ExecResult result, lab::RunProgram({.argv = std::move(arguments)}));
  return result.ok() ? absl::OkStatus() : absl::InternalError(absl::StrCat("ip: ", result.output));
}

std::string AddressCommands(const std::string& device, int host) {
  return absl::StrCat("address add 198.51.100.", host, "/24 dev ", device,
                      "\naddress add 2001:db8::", host, "/64 dev ", device, " nodad\nlink set ",
                      device, " up\n");
}

}  // namespace

IpAddress PulledHost::ServerAddress(int family) {
  return Parse(family == AF_INET ? "198.51.100.1" : "2001:db8::1").value();
}

IpAddress PulledHost::ClientAddress(int family) {
  return Parse(family == AF_INET ? "198.51.100.100" : "2001:db8::100").value();
}

absl::StatusOr<std::unique_ptr<PulledHost>> PulledHost::Make(const HostOptions& options,
                                                             Hypervisor& hypervisor) {
  ASSIGN_OR_RETURN(lab::NetNs server, lab::NetNs::Create("server"));
  ASSIGN_OR_RETURN(lab::NetNs client, lab::NetNs::Create("client"));
  for (const char* nic : {"eth0", "eth1"}) {
    RETURN_IF_ERROR(Ip({"link", "set", nic, "netns", server.name()}));
  }
  RETURN_IF_ERROR(Ip({"link", "set", "eth2", "netns", client.name()}));
  RETURN_IF_ERROR(Ip({"link", "set", "eth3", "up"}));
  ASSIGN_OR_RETURN(lab::Rtnl links, lab::Rtnl::Open(server));
  std::unique_ptr<PulledHost> host(
      new PulledHost(options, hypervisor, std::move(server), std::move(client), std::move(links)));
  RETURN_IF_ERROR(host->MakeLinks());
  if (!options.mac.empty()) {
    ASSIGN_OR_RETURN(
        lab::Agent agent,
        lab::Agent::Start(host->server_,
                          {.groups = lab::GroupToml({"eth0", "eth1"},
                                                    absl::StrCat("mac = \"", options.mac,
                                                                 "\"\nfailback = \"50ms\"\n"))}));
    host->agent_.emplace(std::move(agent));
  }
  RETURN_IF_ERROR(host->AwaitHome());
  return host;
}

absl::Status PulledHost::MakeLinks() {
  RETURN_IF_ERROR(client_.IpBatch(AddressCommands("eth2", 100)));
  if (options_.team) {
    return MakeTeam();
  }
  if (options_.bond.empty()) {
    return server_.IpBatch(AddressCommands("eth0", 1) + AddressCommands("eth1", 2));
  }
  return server_.IpBatch(absl::StrCat("link add bond0 type bond mode active-backup ", options_.bond,
                                      "\nlink set eth0 master bond0\nlink set eth1 master bond0\n"
                                      "link set bond0 type bond primary eth0\n",
                                      AddressCommands("bond0", 1)));
}

absl::Status PulledHost::MakeTeam() {
  ASSIGN_OR_RETURN(lab::Process teamd,
                   lab::Process::Start(server_, {.argv = {"teamd", "-U", "-c", kTeam}}));
  teamd_.emplace(std::move(teamd));
  RETURN_IF_ERROR(lab::Await(
      kSettles, [this] { return server_.IfIndex("team0").ok() || !teamd_->IsRunning(); },
      "teamd to make team0"));
  return Annotate(server_.IpBatch(AddressCommands("team0", 1)), teamd_->Output());
}

absl::StatusOr<bool> PulledHost::HasCarrier(const std::string& nic) {
  ASSIGN_OR_RETURN(const int index, server_.IfIndex(nic));
  ASSIGN_OR_RETURN(const lab::LinkState link, server_links_.Link(index));
  return link.carrier;
}

absl::StatusOr<std::string> PulledHost::Wire() {
  if (agent_.has_value()) {
    ASSIGN_OR_RETURN(const nlohmann::json status, agent_->Status());
    const std::string wire = lab::WireOf(status, ServerAddress(AF_INET).ToString());
    return wire == lab::WireOf(status, ServerAddress(AF_INET6).ToString()) ? wire : "";
  }
  if (options_.team) {
    ASSIGN_OR_RETURN(const std::string port, server_.Check({"teamdctl", "-U", "team0", "state",
                                                            "item", "get", "runner.active_port"}));
    return std::string(absl::StripAsciiWhitespace(port));
  }
  if (options_.bond.empty()) {
    return "eth0";
  }
  ASSIGN_OR_RETURN(const std::string text,
                   server_.Check({"ip", "-details", "-json", "link", "show", "bond0"}));
  const nlohmann::json links = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const nlohmann::json::json_pointer active("/0/linkinfo/info_data/active_slave");
  if (links.is_discarded() || !links.contains(active)) {
    return "";
  }
  return links.at(active).get<std::string>();
}

absl::Status PulledHost::PullOther() {
  other_pulled_ = true;
  return hypervisor_->SetLink("n3", false);
}

absl::Status PulledHost::Plug() {
  other_pulled_ = false;
  RETURN_IF_ERROR(hypervisor_->SetLink("n3", true));
  return hypervisor_->SetLink("n0", true);
}

absl::Status PulledHost::AwaitHome() {
  return lab::Await(
      kSettles,
      [this] {
        const auto eth0 = HasCarrier("eth0");
        const auto eth1 = HasCarrier("eth1");
        const auto wire = Wire();
        return eth0.ok() && *eth0 && eth1.ok() && *eth1 && wire.ok() && *wire == "eth0";
      },
      absl::StrCat(name(), ": eth0 carries the address"));
}

absl::Status PulledHost::CheckPulled() {
  ASSIGN_OR_RETURN(const bool carrier, HasCarrier("eth0"));
  ASSIGN_OR_RETURN(const std::string wire, Wire());
  const bool protects = agent_.has_value() || options_.team || !options_.bond.empty();
  if (carrier || (protects && wire != "eth1")) {
    return absl::InternalError(absl::StrCat(name(), ": after the pull eth0 has ",
                                            carrier ? "" : "no ", "carrier and '", wire,
                                            "' carries the address"));
  }
  // In this process's namespace, the guest's first.
  std::string eth3;
  std::getline(std::ifstream("/sys/class/net/eth3/carrier"), eth3);
  if (eth3 != (other_pulled_ ? "0" : "1")) {
    return absl::InternalError(absl::StrCat(name(), ": carrier of eth3: '", eth3, "'"));
  }
  return absl::OkStatus();
}

absl::Status PulledHost::GiveBack() {
  if (agent_.has_value()) {
    ASSIGN_OR_RETURN(const lab::ExecResult result, agent_->Command({"detach"}));
    if (!result.ok()) {
      return absl::InternalError(absl::StrCat("stronghost detach: ", result.output));
    }
    agent_.reset();
  }
  if (teamd_.has_value()) {
    RETURN_IF_ERROR(teamd_->Stop().status());  // takes team0 along
    teamd_.reset();
  }
  if (!options_.bond.empty()) {
    RETURN_IF_ERROR(server_.IpBatch("link delete bond0\n"));
  }
  // The namespace of process 1 is where they were found.
  RETURN_IF_ERROR(server_.IpBatch("link set eth0 netns 1\nlink set eth1 netns 1\n"));
  return client_.IpBatch("link set eth2 netns 1\n");
}

}  // namespace stronghost::bench
