// Who is who in the lab: names, addresses and MACs, and the `ip` commands that make it so. Pure.
//
//     server                    switch                 client, client1 ...
//       eth0 .1  ──────── p0 ┐ br0 ┌ pc0 ──────────── eth0 .100
//       eth1 .2  ──────── p1 ┘     └ pg0 ───── eth0 .254  gateway  eth2 ───── eth0 .10  far
//     segment 0: 198.51.100.0/24, 2001:db8::/64            far: 203.0.113.0/24, 2001:db8:1::/64
//       eth2 .3  ──────── p2 ┐ br1 ...
//     segment 1: 192.0.2.0/25, 2001:db8:2::/64   (the other half is for containers)
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/base/net_types.h"

namespace stronghost::lab {

struct LabOptions {
  int nics = 2;                  // NICs of the server in each segment
  int segments = 1;              // layer-2 segments, 1 or 2
  int clients = 1;               // clients in each segment
  bool gateway = true;           // with the network `far` behind it
  bool server_addresses = true;  // false: NICs are up, with nothing but their link-local address
  int mtu = 1500;
  // False: frames leave the server's and the clients' NICs with finished checksums and in wire
  // size, as from hardware, so that captured and XDP-seen frames are real.
  bool offloads = true;
  // GRO on the switch's ports, which gives them NAPI: then XDP_TX and XDP_REDIRECT of the server's
  // NICs find a receiver.
  bool xdp_transmit = false;
  // Written in the server before its NICs exist: {"net/ipv4/conf/default/rp_filter", "1"}.
  // All else is the kernel's default.
  std::vector<std::pair<std::string, std::string>> server_sysctls;
};

class LabPlan {
 public:
  // Names of the namespaces, as the `ip` commands need them.
  struct Names {
    std::string server;
    std::string gateway;
    std::string far;
    std::vector<std::string> clients;
  };

  explicit LabPlan(LabOptions options) : options_(std::move(options)) {}

  [[nodiscard]] const LabOptions& options() const { return options_; }
  [[nodiscard]] int nic_count() const { return options_.nics * options_.segments; }
  [[nodiscard]] int client_count() const { return options_.clients * options_.segments; }
  [[nodiscard]] int SegmentOfNic(int nic) const { return nic / options_.nics; }
  [[nodiscard]] int SegmentOfClient(int client) const { return client / options_.clients; }

  // Interfaces. NICs are numbered through all segments, clients as well.
  [[nodiscard]] static std::string Nic(int nic);              // server: "eth0"
  [[nodiscard]] static std::string Port(int nic);             // switch side of a NIC: "p0"
  [[nodiscard]] static std::string ClientPort(int client);    // "pc0"
  [[nodiscard]] static std::string GatewayPort(int segment);  // "pg0"
  [[nodiscard]] static std::string Bridge(int segment);       // switch: "br0"
  [[nodiscard]] static std::string GatewayNic(int segment);   // gateway: "eth0"
  static constexpr char kClientNic[] = "eth0";
  static constexpr char kFarNic[] = "eth0";
  static constexpr char kGatewayFarNic[] = "eth2";

  // Addresses; `family` is AF_INET or AF_INET6.
  [[nodiscard]] IpAddress NicAddress(int nic, int family) const;
  [[nodiscard]] IpAddress ClientAddress(int client, int family) const;
  [[nodiscard]] static IpAddress GatewayAddress(int segment, int family);
  [[nodiscard]] static IpAddress FarAddress(int family);
  [[nodiscard]] static int PrefixLength(int segment, int family);

  [[nodiscard]] static MacAddress NicMac(int nic);
  [[nodiscard]] static MacAddress ClientMac(int client);
  [[nodiscard]] static MacAddress GatewayMac(int segment);
  // The link-local address that the kernel makes of a MAC (RFC 4291 appendix A).
  [[nodiscard]] static IpAddress LinkLocal(const MacAddress& mac);

  // `ip -batch` input for each namespace; SwitchCommands() makes all links and comes first.
  [[nodiscard]] std::string SwitchCommands(const Names& names) const;
  [[nodiscard]] std::string ServerCommands() const;
  // One NIC with its cable, as SwitchCommands() has it.
  [[nodiscard]] std::string CableCommands(const Names& names, int nic) const;
  [[nodiscard]] std::string ClientCommands(int client) const;
  [[nodiscard]] std::string GatewayCommands(const Names& names) const;
  [[nodiscard]] static std::string FarCommands();

 private:
  LabOptions options_;
};

// `ip` commands that bring a link up with its EUI-64 link-local address usable at once, without
// duplicate address detection and with every sysctl left alone.
std::string RaiseCommands(absl::string_view interface, const MacAddress& mac);

}  // namespace stronghost::lab
