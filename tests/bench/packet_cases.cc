#include "tests/bench/packet_cases.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "tests/packet/test_frames.h"

namespace stronghost::bench {
namespace {

using packet::Count;
using packet::Program;

constexpr uint32_t kIpv4Source = 26;
constexpr uint32_t kIpv4Destination = 30;
constexpr uint32_t kArpTarget = 38;
constexpr uint32_t kHome0 = PacketNics::kHome0;
constexpr uint32_t kHome1 = PacketNics::kHome1;

// To the client, as the stack sends it by `nic`.
lab::Bytes Outbound(const WorldNic& nic) {
  return packet::Datagram(nic.mac, ManagedAddress(0), packet::kClientMac,
                          packet::Client(packet::Family::kV4));
}

// From the client, to a MAC of ours.
lab::Bytes Inbound(const MacAddress& to) {
  return packet::Datagram(packet::kClientMac, packet::Client(packet::Family::kV4), to,
                          ManagedAddress(0));
}

std::vector<PacketCase> SteerCases(const PacketNics& nics) {
  const packet::Mark out = {packet::kMarkOut, kHome0, 1};
  PacketCase base{.program = Program::kSteer, .address_at = kIpv4Source};
  std::vector<PacketCase> cases;
  const auto add = [&](const char* name, const WorldNic& nic, MapState maps, int action,
                       Count counted, const std::optional<packet::Mark>& mark = std::nullopt) {
    PacketCase one = base;
    one.name = name;
    one.maps = maps;
    one.ifindex = nic.ifindex;
    one.frame = Outbound(nic);
    one.mark = mark;
    one.action = action;
    one.counted = counted;
    one.redirects = action == TC_ACT_REDIRECT;
    cases.push_back(one);
  };
  add("steer: source on its wire, pass", nics.h0(), {}, TC_ACT_UNSPEC, {kHome0, SH_OUT_PASS});
  add("steer: source on the wrong NIC, redirect", nics.h1(), {}, TC_ACT_REDIRECT,
      {kHome1, SH_OUT_STEER});
  add("steer: to the stand-in, follow", nics.h0(), {.stand_in = true}, TC_ACT_REDIRECT,
      {kHome0, SH_OUT_STAND_IN});
  add("steer: to the stand-in, stay", nics.h0(), {.stand_in = true, .stay = true}, TC_ACT_REDIRECT,
      {kHome0, SH_OUT_STAND_IN});
  add("steer: second meeting of a redirected frame", nics.h1(), {.stand_in = true}, TC_ACT_UNSPEC,
      {kHome1, SH_OUT_CARRIED}, out);
  add("steer: NIC and source unmanaged", nics.u0(), {}, TC_ACT_UNSPEC,
      {SH_HOME_NONE, SH_NOT_MANAGED});
  return cases;
}

std::vector<PacketCase> DeliverCases(const PacketNics& nics) {
  const packet::Mark in = {packet::kMarkIn, kHome0, 0};
  std::vector<PacketCase> cases;
  const auto add = [&](const char* name, const WorldNic& nic, const MacAddress& to, MapState maps,
                       int action, Count counted,
                       const std::optional<packet::Mark>& mark = std::nullopt) {
    cases.push_back({.name = name,
                     .program = Program::kDeliver,
                     .maps = maps,
                     .ifindex = nic.ifindex,
                     .frame = Inbound(to),
                     .address_at = kIpv4Destination,
                     .mark = mark,
                     .action = action,
                     .counted = counted,
                     .redirects = action == TC_ACT_REDIRECT});
  };
  add("deliver: pass, behind native XDP", nics.h0(), nics.h0().mac, {.guarded = true},
      TC_ACT_UNSPEC, {kHome0, SH_IN_PASS});
  add("deliver: pass, XDP off", nics.h0(), nics.h0().mac, {}, TC_ACT_UNSPEC, {kHome0, SH_IN_PASS});
  add("deliver: stand-in to home, follow", nics.h1(), nics.h0().mac, {.stand_in = true},
      TC_ACT_REDIRECT, {kHome1, SH_IN_DELIVER});
  add("deliver: stand-in to home, stay", nics.h1(), nics.h1().mac, {.stand_in = true, .stay = true},
      TC_ACT_REDIRECT, {kHome1, SH_IN_DELIVER});
  add("deliver: second meeting of a delivered frame", nics.h0(), nics.h0().mac, {.stand_in = true},
      TC_ACT_UNSPEC, {kHome0, SH_IN_HOME}, in);
  return cases;
}

std::vector<PacketCase> GuardCases(const PacketNics& nics) {
  const lab::Bytes request = packet::AddressRequest(
      packet::kClientMac, packet::Client(packet::Family::kV4), ManagedAddress(0));
  const MapState maps = {.guarded = true};
  return {{.name = "guard: ARP request for another NIC's address, drop",
           .program = Program::kGuard,
           .maps = maps,
           .ifindex = nics.h1().ifindex,
           .frame = request,
           .address_at = kArpTarget,
           .action = XDP_DROP,
           .counted = Count{kHome1, SH_IN_SUPPRESS}},
          {.name = "guard: ARP request for this NIC's address, pass",
           .program = Program::kGuard,
           .maps = maps,
           .ifindex = nics.h0().ifindex,
           .frame = request,
           .address_at = kArpTarget,
           .action = XDP_PASS},
          {.name = "guard: IPv4 packet for this NIC's address, pass",
           .program = Program::kGuard,
           .maps = maps,
           .ifindex = nics.h0().ifindex,
           .frame = Inbound(nics.h0().mac),
           .address_at = kIpv4Destination,
           .action = XDP_PASS}};
}

}  // namespace

std::vector<PacketCase> AllPacketCases(const PacketNics& nics) {
  std::vector<PacketCase> cases;
  for (const auto& some : {SteerCases(nics), DeliverCases(nics), GuardCases(nics)}) {
    cases.insert(cases.end(), some.begin(), some.end());
  }
  return cases;
}

}  // namespace stronghost::bench
