#include "tests/conformance/host.h"

#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"
#include "tests/lib/source_filter.h"

namespace stronghost::lab {
namespace {

constexpr int kFamilies[] = {AF_INET, AF_INET6};

int SegmentOf(const Topology topology, int which) {
  return topology == Topology::kA || topology == Topology::kC ? which : 0;
}

IpAddress Ip(const std::string& text) {
  return IpAddress::Parse(text).value();
}

std::string Length(Topology topology, int which, int family) {
  return absl::StrCat("/", LabPlan::PrefixLength(SegmentOf(topology, which), family));
}

std::string NoDad(int family) {
  return family == AF_INET6 ? " nodad" : "";
}

}  // namespace

std::string NameOf(Topology topology) {
  constexpr const char* kNames[] = {"a", "b1", "b2", "c"};
  return kNames[static_cast<size_t>(topology)];
}

IpAddress Host::Address(int which, int family) const {
  const int network = SegmentOf(topology_, which);
  if (family == AF_INET) {
    return Ip(absl::StrCat(network == 0 ? "198.51.100." : "192.0.2.", 1 + which));
  }
  return Ip(absl::StrCat(network == 0 ? "2001:db8::" : "2001:db8:2::", 1 + which));
}

IpAddress Host::Gateway(int which, int family) const {
  if (family == AF_INET6) {
    return LabPlan::LinkLocal(GatewayMac(which));
  }
  if (which == 1 && HasTwoNetworks()) {
    return LabPlan::GatewayAddress(1, AF_INET);
  }
  return Ip(absl::StrCat("198.51.100.", 254 - which));
}

Peer Host::Neighbour(int which, int family) {
  const int client = topology_ == Topology::kC ? which : 0;
  if (which == 1 && HasTwoNetworks()) {
    return {&lab().client(client), Ip(family == AF_INET ? "192.0.2.101" : "2001:db8:2::101")};
  }
  return {&lab().client(client), lab().plan().ClientAddress(0, family)};
}

std::vector<Peer> Host::Peers(int family) {
  std::vector<Peer> peers = {Neighbour(0, family)};
  if (HasTwoNetworks()) {
    peers.push_back(Neighbour(1, family));
  }
  peers.push_back({&lab().far(), LabPlan::FarAddress(family)});
  return peers;
}

absl::StatusOr<std::unique_ptr<Capture>> Host::Watch(int nic) {
  return Capture::Start(lab().switch_netns(), LabPlan::Port(nic),
                        {.direction = CaptureOptions::Direction::kIncoming, .snap_length = 256});
}

absl::StatusOr<uint32_t> Host::Interface(int nic) {
  ASSIGN_OR_RETURN(const int index, lab().server().IfIndex(LabPlan::Nic(nic)));
  return static_cast<uint32_t>(index);
}

// The second logical network on the wire of the first.
absl::Status Host::MakeNetworks() {
  if (topology_ != Topology::kA) {
    return absl::OkStatus();
  }
  return lab().client().IpBatch(
      "addr add 192.0.2.101/25 dev eth0\naddr add 2001:db8:2::101/64 dev eth0 nodad\n");
}

// Further gateways of a segment are interfaces of the same router, with MACs of their own.
absl::Status Host::MakeGateways() {
  NetNs& gateway = lab().gateway();
  RETURN_IF_ERROR(gateway.SetSysctl("net/ipv4/conf/all/arp_ignore", "1"));
  RETURN_IF_ERROR(gateway.SetSysctl("net/ipv4/conf/all/arp_announce", "2"));
  std::vector<int> further = {kSecondGateway};
  if (topology_ != Topology::kC) {
    further.push_back(1);
  }
  for (const int which : further) {
    const std::string name = absl::StrCat("gw", which);
    const bool other_network = which == 1 && HasTwoNetworks();
    RETURN_IF_ERROR(gateway.IpBatch(absl::StrCat(
        absl::Substitute("link add link eth0 name $0 address $1 type macvlan mode bridge\n", name,
                         GatewayMac(which).ToString()),
        RaiseCommands(name, GatewayMac(which)),
        absl::Substitute("addr add $0/$1 dev $2\n", Gateway(which, AF_INET).ToString(),
                         other_network ? 25 : 24, name),
        other_network ? absl::Substitute("addr add 2001:db8:2::fe/64 dev $0 nodad\n", name) : "")));
  }
  return topology_ == Topology::kC ? FilterSources(lab()) : absl::OkStatus();
}

absl::Status Host::MakeHost() {
  std::string commands;
  for (const int family : kFamilies) {
    if (topology_ == Topology::kA || topology_ == Topology::kB1) {
      absl::StrAppend(&commands, "addr add ", Address(1, family).ToString(),
                      Length(topology_, 1, family), " dev eth0", NoDad(family), "\n");
    }
    absl::StrAppend(&commands, "route del default via ",
                    LabPlan::GatewayAddress(0, family).ToString(), "\nroute add default via ",
                    Gateway(0, family).ToString(), " dev eth0\nroute add default via ",
                    Gateway(1, family).ToString(), " dev eth", NicOf(1),
                    " metric 2048\nroute add default via ",
                    Gateway(kSecondGateway, family).ToString(), " dev eth0 metric 3072\n");
  }
  return lab().server().IpBatch(commands);
}

std::string Host::GroupsToml() const {
  std::string toml;
  const auto add_group = [&](const std::string& name, const std::string& nics) {
    absl::StrAppend(&toml, "[[group]]\nname = \"", name, "\"\nnics = [", nics,
                    "]\nmac = \"follow\"\nfailback = \"200ms\"\n");
  };
  add_group("front", topology_ == Topology::kB2 ? "\"eth0\", \"eth1\"" : "\"eth0\"");
  for (const int which : {0, 1}) {
    if (which == 1 && topology_ == Topology::kC) {
      add_group("back", "\"eth1\"");
    }
    for (const int family : kFamilies) {
      absl::StrAppend(
          &toml, "[[group.address]]\nip = \"", Address(which, family).ToString(),
          Length(topology_, which, family), "\"\nhome = \"", LabPlan::Nic(NicOf(which)),
          "\"\ngateways = [\"", Gateway(which, family).ToString(), "\"",
          which == 0 ? absl::StrCat(", \"", Gateway(kSecondGateway, family).ToString(), "\"") : "",
          "]\n");
    }
  }
  return toml;
}

absl::Status Host::StartAgent() {
  ASSIGN_OR_RETURN(Agent agent, Agent::Start(lab().server(),
                                             {.groups = GroupsToml(), .cgroup = cgroup_->path()}));
  agent_.emplace(std::move(agent));
  const auto in_force = [this] {
    for (const int which : {0, 1}) {
      for (const int family : kFamilies) {
        const auto rules =
            lab().server().Check({"ip", family == AF_INET ? "-4" : "-6", "rule", "show", "from",
                                  Address(which, family).ToString()});
        if (!rules.ok() || rules->find("5301") == std::string::npos) {
          return false;
        }
      }
    }
    return true;
  };
  return Await(absl::Seconds(10), in_force, "the rules of every address");
}

absl::StatusOr<std::unique_ptr<Host>> Host::Create(Topology topology, bool stronghost) {
  std::unique_ptr<Host> host(new Host(topology));
  ASSIGN_OR_RETURN(host->lab_, Lab::Create({.nics = topology == Topology::kB2 ? 2 : 1,
                                            .segments = topology == Topology::kC ? 2 : 1}));
  ASSIGN_OR_RETURN(Cgroup cgroup, Cgroup::Create("conform"));
  host->cgroup_.emplace(std::move(cgroup));
  RETURN_IF_ERROR(host->MakeNetworks());
  RETURN_IF_ERROR(host->MakeGateways());
  RETURN_IF_ERROR(host->MakeHost());
  if (stronghost) {
    RETURN_IF_ERROR(host->StartAgent());
  }
  return host;
}

}  // namespace stronghost::lab
