#include "tests/bench/packet_world.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"

namespace stronghost::bench {
namespace {

using packet::Programs;

sh_mac ToMapForm(const MacAddress& mac) {
  sh_mac bytes{};
  std::copy(mac.bytes.begin(), mac.bytes.end(), bytes.bytes);
  return bytes;
}

}  // namespace

IpAddress ManagedAddress(uint32_t number) {
  return IpAddress::V4(htonl(kFirstAddress + number));
}

absl::StatusOr<std::unique_ptr<PacketNics>> PacketNics::Make() {
  std::unique_ptr<PacketNics> nics(new PacketNics());
  ASSIGN_OR_RETURN(lab::NetNs netns, lab::NetNs::Create("bench"));
  nics->netns_.emplace(std::move(netns));
  for (WorldNic* nic : {&nics->h0_, &nics->h1_, &nics->u0_}) {
    RETURN_IF_ERROR(nics->MakeOne(*nic));
  }
  // BPF_PROG_TEST_RUN looks interfaces up in the caller's namespace.
  ASSIGN_OR_RETURN(lab::NetNsScope scope, lab::NetNsScope::Enter(nics->netns_->fd()));
  nics->scope_.emplace(std::move(scope));
  return nics;
}

absl::Status PacketNics::MakeOne(WorldNic& nic) {
  const std::string peer = absl::StrCat(nic.name, "p");
  const char quiet[] = " addrgenmode none multicast off up\n";
  RETURN_IF_ERROR(netns_->IpBatch(
      absl::StrCat("link add ", nic.name, " address ", nic.mac.ToString(), " type veth peer name ",
                   peer, "\n", "link set ", nic.name, quiet, "link set ", peer, quiet)));
  ASSIGN_OR_RETURN(const int index, netns_->IfIndex(nic.name));
  nic.ifindex = static_cast<uint32_t>(index);
  return absl::OkStatus();
}

absl::StatusOr<Programs> LoadPrograms(const PacketNics& nics, uint32_t addresses) {
  ASSIGN_OR_RETURN(Programs programs, Programs::Load(/*can_read_carrier=*/true));
  RETURN_IF_ERROR(programs.SetHome(SH_HOME_NONE, sh_home{.ifindex = SH_LAYOUT_VERSION}));
  RETURN_IF_ERROR(SetMapState(programs, nics, {}));
  for (uint32_t i = 0; i < addresses; ++i) {
    RETURN_IF_ERROR(programs.SetAddress(ManagedAddress(i), 0, PacketNics::kHome0));
  }
  return programs;
}

absl::Status SetMapState(Programs& programs, const PacketNics& nics, const MapState& state) {
  for (const uint32_t index : {PacketNics::kHome0, PacketNics::kHome1}) {
    const bool first = index == PacketNics::kHome0;
    const WorldNic& nic = first ? nics.h0() : nics.h1();
    sh_home home{};
    home.path.wire = first && state.stand_in ? nics.h1().ifindex : nic.ifindex;
    home.ifindex = nic.ifindex;
    home.flags = state.stay ? SH_HOME_STAY : 0;
    home.group = 1;
    home.next = first ? PacketNics::kHome1 : PacketNics::kHome0;
    home.mac = ToMapForm(nic.mac);
    RETURN_IF_ERROR(programs.SetHome(index, home));
    RETURN_IF_ERROR(programs.SetNic(nic.ifindex, {.home = index,
                                                  .flags = state.guarded ? SH_NIC_XDP_NATIVE : 0,
                                                  .mac = ToMapForm(nic.mac)}));
  }
  return absl::OkStatus();
}

}  // namespace stronghost::bench
