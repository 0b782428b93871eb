#include "tests/lib/lab_plan.h"

#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/substitute.h"

namespace stronghost::lab {
namespace {

// Kinds of MAC: 02:00:00:00:<kind>:<number>, locally administered.
enum class Kind : uint8_t {
  kNic = 0x01,
  kClient = 0x02,
  kGateway = 0x03,
  kFar = 0x04,
  kGatewayFar = 0x05,
  kPort = 0x0a,
  kBridge = 0x0b,
  kClientPort = 0x0c,
  kGatewayPort = 0x0d,
};

MacAddress Mac(Kind kind, int number) {
  return {{0x02, 0, 0, 0, static_cast<uint8_t>(kind), static_cast<uint8_t>(number)}};
}

IpAddress Ip(const std::string& text) {
  return IpAddress::Parse(text).value();
}

// The IPv6 number is written like the IPv4 one: 2001:db8::100 stands beside 198.51.100.100.
IpAddress InSegment(int segment, int number, int family) {
  if (family == AF_INET) {
    return Ip(absl::StrCat(segment == 0 ? "198.51.100." : "192.0.2.", number));
  }
  return Ip(absl::StrCat(segment == 0 ? "2001:db8::" : "2001:db8:2::", number));
}

std::string AddAddress(const IpAddress& address, int length, absl::string_view interface) {
  return absl::Substitute("addr add $0/$1 dev $2$3\n", address.ToString(), length, interface,
                          address.IsV6() ? " nodad" : "");
}

// A veth whose far end is in another namespace; the near end becomes a port of the bridge.
std::string Cable(absl::string_view port, const MacAddress& port_mac, absl::string_view bridge,
                  absl::string_view netns, absl::string_view nic, const MacAddress& nic_mac,
                  int mtu) {
  return absl::StrCat(
      absl::Substitute("link add name $0 address $1 mtu $2 type veth peer name $3 address $4 ",
                       port, port_mac.ToString(), mtu, nic, nic_mac.ToString()),
      absl::Substitute("mtu $0 netns $1\nlink set $2 master $3 up\n", mtu, netns, port, bridge));
}

std::string DefaultRoutes(absl::string_view interface) {
  std::string commands;
  for (const int family : {AF_INET, AF_INET6}) {
    absl::StrAppend(&commands, "route add default via ",
                    LabPlan::GatewayAddress(0, family).ToString(), " dev ", interface, "\n");
  }
  return commands;
}

}  // namespace

std::string LabPlan::Nic(int nic) {
  return absl::StrCat("eth", nic);
}
std::string LabPlan::Port(int nic) {
  return absl::StrCat("p", nic);
}
std::string LabPlan::ClientPort(int client) {
  return absl::StrCat("pc", client);
}
std::string LabPlan::GatewayPort(int segment) {
  return absl::StrCat("pg", segment);
}
std::string LabPlan::Bridge(int segment) {
  return absl::StrCat("br", segment);
}
std::string LabPlan::GatewayNic(int segment) {
  return absl::StrCat("eth", segment);
}

IpAddress LabPlan::NicAddress(int nic, int family) const {
  return InSegment(SegmentOfNic(nic), 1 + nic, family);
}

IpAddress LabPlan::ClientAddress(int client, int family) const {
  return InSegment(SegmentOfClient(client), 100 + client, family);
}

IpAddress LabPlan::GatewayAddress(int segment, int family) {
  if (family == AF_INET6) {
    return Ip(segment == 0 ? "2001:db8::fe" : "2001:db8:2::fe");
  }
  return InSegment(segment, segment == 0 ? 254 : 126, family);
}

IpAddress LabPlan::FarAddress(int family) {
  return Ip(family == AF_INET ? "203.0.113.10" : "2001:db8:1::10");
}

int LabPlan::PrefixLength(int segment, int family) {
  if (family == AF_INET6) {
    return 64;
  }
  return segment == 0 ? 24 : 25;
}

MacAddress LabPlan::NicMac(int nic) {
  return Mac(Kind::kNic, nic);
}
MacAddress LabPlan::ClientMac(int client) {
  return Mac(Kind::kClient, client);
}
MacAddress LabPlan::GatewayMac(int segment) {
  return Mac(Kind::kGateway, segment);
}

IpAddress LabPlan::LinkLocal(const MacAddress& mac) {
  const auto& m = mac.bytes;
  return Ip(absl::StrFormat("fe80::%02x%02x:%02xff:fe%02x:%02x%02x", m[0] ^ 2, m[1], m[2], m[3],
                            m[4], m[5]));
}

std::string RaiseCommands(absl::string_view interface, const MacAddress& mac) {
  // The kernel's own link-local address would be tentative for up to two seconds. With the address
  // already there, turning generation back on adds nothing.
  return absl::Substitute(
      "link set $0 addrgenmode none\nlink set $0 up\naddr add $1/64 dev $0 nodad\n"
      "link set $0 addrgenmode eui64\n",
      interface, LabPlan::LinkLocal(mac).ToString());
}

std::string LabPlan::SwitchCommands(const Names& names) const {
  std::string commands;
  for (int segment = 0; segment < options_.segments; ++segment) {
    absl::StrAppend(&commands, "link add ", Bridge(segment), " address ",
                    Mac(Kind::kBridge, segment).ToString(), " mtu ", options_.mtu,
                    " type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n", "link set ",
                    Bridge(segment), " up\n");
  }
  for (int nic = 0; nic < nic_count(); ++nic) {
    absl::StrAppend(&commands, CableCommands(names, nic));
  }
  for (int client = 0; client < client_count(); ++client) {
    absl::StrAppend(&commands, Cable(ClientPort(client), Mac(Kind::kClientPort, client),
                                     Bridge(SegmentOfClient(client)),
                                     names.clients.at(static_cast<size_t>(client)), kClientNic,
                                     ClientMac(client), options_.mtu));
  }
  for (int segment = 0; options_.gateway && segment < options_.segments; ++segment) {
    absl::StrAppend(&commands,
                    Cable(GatewayPort(segment), Mac(Kind::kGatewayPort, segment), Bridge(segment),
                          names.gateway, GatewayNic(segment), GatewayMac(segment), options_.mtu));
  }
  return commands;
}

std::string LabPlan::CableCommands(const Names& names, int nic) const {
  return Cable(Port(nic), Mac(Kind::kPort, nic), Bridge(SegmentOfNic(nic)), names.server, Nic(nic),
               NicMac(nic), options_.mtu);
}

std::string LabPlan::ServerCommands() const {
  std::string commands;
  for (int nic = 0; nic < nic_count(); ++nic) {
    absl::StrAppend(&commands, RaiseCommands(Nic(nic), NicMac(nic)));
    for (const int family : {AF_INET, AF_INET6}) {
      if (options_.server_addresses) {
        absl::StrAppend(&commands, AddAddress(NicAddress(nic, family),
                                              PrefixLength(SegmentOfNic(nic), family), Nic(nic)));
      }
    }
  }
  if (options_.gateway && options_.server_addresses && options_.nics > 0) {
    absl::StrAppend(&commands, DefaultRoutes(Nic(0)));
  }
  return commands;
}

std::string LabPlan::ClientCommands(int client) const {
  const int segment = SegmentOfClient(client);
  std::string commands = RaiseCommands(kClientNic, ClientMac(client));
  for (const int family : {AF_INET, AF_INET6}) {
    absl::StrAppend(&commands, AddAddress(ClientAddress(client, family),
                                          PrefixLength(segment, family), kClientNic));
    if (options_.gateway) {
      absl::StrAppend(&commands, "route add default via ",
                      GatewayAddress(segment, family).ToString(), "\n");
    }
  }
  return commands;
}

std::string LabPlan::GatewayCommands(const Names& names) const {
  const MacAddress far_side = Mac(Kind::kGatewayFar, 0);
  std::string commands = absl::Substitute(
      "link add name $0 address $1 type veth peer name $2 address $3 netns $4\n", kGatewayFarNic,
      far_side.ToString(), kFarNic, Mac(Kind::kFar, 0).ToString(), names.far);
  for (int segment = 0; segment < options_.segments; ++segment) {
    absl::StrAppend(&commands, RaiseCommands(GatewayNic(segment), GatewayMac(segment)));
    for (const int family : {AF_INET, AF_INET6}) {
      absl::StrAppend(&commands, AddAddress(GatewayAddress(segment, family),
                                            PrefixLength(segment, family), GatewayNic(segment)));
    }
  }
  absl::StrAppend(&commands, RaiseCommands(kGatewayFarNic, far_side),
                  AddAddress(Ip("203.0.113.254"), 24, kGatewayFarNic),
                  AddAddress(Ip("2001:db8:1::fe"), 64, kGatewayFarNic));
  return commands;
}

std::string LabPlan::FarCommands() {
  return absl::StrCat(
      RaiseCommands(kFarNic, Mac(Kind::kFar, 0)), AddAddress(FarAddress(AF_INET), 24, kFarNic),
      AddAddress(FarAddress(AF_INET6), 64, kFarNic), "route add default via 203.0.113.254\n",
      "route add default via 2001:db8:1::fe\n");
}

}  // namespace stronghost::lab
