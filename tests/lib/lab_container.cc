#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"
#include "tests/lib/lab.h"

namespace stronghost::lab {
namespace {

constexpr char kBridge[] = "cbr0";
constexpr MacAddress kBridgeMac = {{0x02, 0, 0, 0, 0x0e, 0}};

MacAddress ContainerMac(int container) {
  return {{0x02, 0, 0, 0, 0x0f, static_cast<uint8_t>(container)}};
}

std::string Masquerade(absl::string_view family, absl::string_view network) {
  return absl::Substitute(
      "table $0 shlab {\n  chain post {\n    type nat hook postrouting priority 100;\n"
      "    $0 saddr $1 oifname != \"$2\" masquerade\n  }\n}\n",
      family, network, kBridge);
}

}  // namespace

IpAddress Lab::ContainerAddress(int container, int family) {
  const absl::string_view network = family == AF_INET ? "192.0.2." : "2001:db8:c::";
  return IpAddress::Parse(absl::StrCat(network, 130 + container)).value();
}

absl::Status Lab::MakeContainerBridge(const ContainerOptions& options) {
  RETURN_IF_ERROR(server_->IpBatch(absl::StrCat(
      "link add ", kBridge, " address ", kBridgeMac.ToString(),
      " type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n",
      RaiseCommands(kBridge, kBridgeMac), "addr add 192.0.2.129/25 dev ", kBridge, "\n")));
  RETURN_IF_ERROR(server_->SetSysctl("net/ipv4/ip_forward", "1"));
  std::string rules = Masquerade("ip", "192.0.2.128/25");
  if (options.ipv6) {
    RETURN_IF_ERROR(
        server_->IpBatch(absl::StrCat("addr add 2001:db8:c::129/64 dev ", kBridge, " nodad\n")));
    RETURN_IF_ERROR(server_->SetSysctl("net/ipv6/conf/all/forwarding", "1"));
    absl::StrAppend(&rules, Masquerade("ip6", "2001:db8:c::/64"));
  }
  container_ipv6_ = options.ipv6;
  return options.masquerade ? server_->Check({"nft", "-f", "-"}, rules).status() : absl::OkStatus();
}

absl::StatusOr<NetNs*> Lab::AddContainer(const ContainerOptions& options) {
  if (containers_.empty()) {
    RETURN_IF_ERROR(MakeContainerBridge(options));
  } else if (options.ipv6 && !container_ipv6_) {
    return absl::FailedPreconditionError(
        "the containers' bridge has no IPv6; ask for it with the first container");
  }
  const int number = static_cast<int>(containers_.size());
  ASSIGN_OR_RETURN(NetNs netns, NetNs::Create(absl::StrCat("container", number)));
  RETURN_IF_ERROR(server_->IpBatch(
      absl::Substitute("link add name cv$0 type veth peer name eth0 address $1 netns $2\n"
                       "link set cv$0 addrgenmode none\nlink set cv$0 master $3 up\n",
                       number, ContainerMac(number).ToString(), netns.name(), kBridge)));
  std::string commands = absl::StrCat(RaiseCommands("eth0", ContainerMac(number)), "addr add ",
                                      ContainerAddress(number, AF_INET).ToString(),
                                      "/25 dev eth0\nroute add default via 192.0.2.129\n");
  if (options.ipv6) {
    absl::StrAppend(&commands, "addr add ", ContainerAddress(number, AF_INET6).ToString(),
                    "/64 dev eth0 nodad\nroute add default via 2001:db8:c::129\n");
  }
  RETURN_IF_ERROR(netns.IpBatch(commands));
  ASSIGN_OR_RETURN(Rtnl rtnl, Rtnl::Open(*server_));
  ASSIGN_OR_RETURN(const int port, server_->IfIndex(absl::StrCat("cv", number)));
  RETURN_IF_ERROR(Await(
      absl::Seconds(10),
      [&] {
        const auto link = rtnl.Link(port);
        return link.ok() && link->oper_up && link->forwarding;
      },
      absl::StrCat("port of container ", number)));
  containers_.push_back(std::move(netns));
  return &containers_.back();
}

}  // namespace stronghost::lab
