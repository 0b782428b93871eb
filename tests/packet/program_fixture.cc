#include "tests/packet/program_fixture.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"
#include "tests/lib/rtnl.h"

namespace stronghost::packet {
namespace {

Nic MakeNic(const std::string& name, const std::string& peer, uint32_t home, uint32_t group,
            const std::string& v4, const std::string& v6, const std::string& link_local) {
  return Nic{.name = name,
             .peer = peer,
             .home = home,
             .group = group,
             .mac = {{0x02, 0x00, 0x5e, 0x10, 0x00, static_cast<uint8_t>(home)}},
             .v4 = *IpAddress::Parse(v4),
             .v6 = *IpAddress::Parse(v6),
             .link_local = *IpAddress::Parse(link_local)};
}

sh_mac ToMapForm(const MacAddress& mac) {
  sh_mac bytes{};
  std::copy(mac.bytes.begin(), mac.bytes.end(), bytes.bytes);
  return bytes;
}

// Multicast and IPv6 off: the kernel has nothing to say on these links by itself.
std::string LinkCommands(const Nic& nic) {
  return absl::StrCat("link add ", nic.name, " address ", nic.mac.ToString(),
                      " type veth peer name ", nic.peer, "\n", "link set ", nic.name,
                      " addrgenmode none multicast off up\n", "link set ", nic.peer,
                      " addrgenmode none multicast off up\n");
}

}  // namespace

void ProgramFixture::SetUp() {
  h0_ = MakeNic("h0", "p0", 1, 1, "198.51.100.1", "2001:db8::1", "fe80::1");
  h1_ = MakeNic("h1", "p1", 2, 1, "198.51.100.2", "2001:db8::2", "fe80::1");
  h2_ = MakeNic("h2", "p2", 3, 1, "198.51.100.3", "2001:db8::3", "fe80::1");
  b0_ = MakeNic("b0", "pb", 4, 2, "203.0.113.1", "2001:db8:b::1", "fe80::b");
  u0_ = MakeNic("u0", "pu", SH_HOME_NONE, 0, "203.0.113.129", "2001:db8:f::1", "fe80::f");
  ASSERT_NO_FATAL_FAILURE(MakeNics());
  Reload(/*can_read_carrier=*/true);
}

void ProgramFixture::MakeNics() {
  auto netns = lab::NetNs::Create("packet");
  ASSERT_TRUE(netns.ok()) << Message(netns.status());
  netns_.emplace(*std::move(netns));
  std::string commands;
  for (const Nic* nic : {&h0_, &h1_, &h2_, &b0_, &u0_}) {
    absl::StrAppend(&commands, LinkCommands(*nic));
  }
  const absl::Status made = netns_->IpBatch(commands);
  ASSERT_TRUE(made.ok()) << Message(made);
  for (Nic* nic : {&h0_, &h1_, &h2_, &b0_, &u0_}) {
    const auto index = netns_->IfIndex(nic->name);
    ASSERT_TRUE(index.ok()) << Message(index.status());
    nic->ifindex = static_cast<uint32_t>(*index);
  }
  // BPF_PROG_TEST_RUN looks interfaces up in the caller's namespace.
  auto scope = lab::NetNsScope::Enter(netns_->fd());
  ASSERT_TRUE(scope.ok()) << Message(scope.status());
  scope_.emplace(*std::move(scope));
}

void ProgramFixture::Reload(bool can_read_carrier) {
  programs_.reset();
  auto programs = Programs::Load(can_read_carrier);
  ASSERT_TRUE(programs.ok()) << Message(programs.status());
  programs_.emplace(*std::move(programs));
  FillMaps();
}

void ProgramFixture::FillMaps() {
  ASSERT_TRUE(programs_->SetHome(SH_HOME_NONE, sh_home{.ifindex = SH_LAYOUT_VERSION}).ok());
  for (const Nic* nic : {&h0_, &h1_, &h2_, &b0_}) {
    sh_home home{};
    home.path.wire = nic->ifindex;
    home.path.backup = nic == &h0_ ? h1_.ifindex : 0;
    home.ifindex = nic->ifindex;
    home.group = nic->group;
    home.next = nic->group == 1 ? nic->home % 3 + 1 : nic->home;
    home.mac = ToMapForm(nic->mac);
    ASSERT_TRUE(programs_->SetHome(nic->home, home).ok());
    SetAddress(nic->v4, 0, nic->home, 24);
    SetAddress(nic->v6, 0, nic->home);
    SetAddress(nic->link_local, nic->ifindex, nic->home);
    SetNicFlags(*nic, 0);
  }
}

Outcome ProgramFixture::Run(Program program, const Nic& nic, const Bytes& frame,
                            const std::optional<Mark>& mark) {
  auto outcome = programs_->Run(program, nic.ifindex, frame, mark);
  EXPECT_TRUE(outcome.ok()) << Message(outcome.status());
  return outcome.ok() ? *std::move(outcome) : Outcome{.action = -1000};
}

void ProgramFixture::SetPath(const Nic& home, const Nic& wire) {
  ChangeHome(home.home, [&](sh_home& h) { h.path = {.wire = wire.ifindex, .backup = 0}; });
}

void ProgramFixture::SetPath(const Nic& home, const Nic& wire, const Nic& backup) {
  ChangeHome(home.home,
             [&](sh_home& h) { h.path = {.wire = wire.ifindex, .backup = backup.ifindex}; });
}

void ProgramFixture::ChangeHome(uint32_t index, const std::function<void(sh_home&)>& change) {
  sh_home home = programs_->Home(index);
  change(home);
  ASSERT_TRUE(programs_->SetHome(index, home).ok());
}

void ProgramFixture::AddFlags(const Nic& home, uint32_t flags) {
  ChangeHome(home.home, [&](sh_home& h) { h.flags |= flags; });
}

void ProgramFixture::SetLinger(const Nic& home, const Nic& nic) {
  ChangeHome(home.home, [&](sh_home& h) { h.linger = nic.ifindex; });
}

void ProgramFixture::SetNicFlags(const Nic& nic, uint32_t flags) {
  const sh_nic value{.home = nic.home, .flags = flags, .mac = ToMapForm(nic.mac)};
  ASSERT_TRUE(programs_->SetNic(nic.ifindex, value).ok());
}

void ProgramFixture::SetAddress(const IpAddress& address, uint32_t scope, uint32_t home,
                                uint8_t network) {
  ASSERT_TRUE(programs_->SetAddress(address, scope, home, network).ok());
}

sh_path ProgramFixture::Path(const Nic& home) const {
  return programs_->Home(home.home).path;
}

std::vector<sh_event> ProgramFixture::TakeEvents() {
  auto events = programs_->TakeEvents();
  EXPECT_TRUE(events.ok()) << Message(events.status());
  return events.ok() ? *std::move(events) : std::vector<sh_event>();
}

void ProgramFixture::SetCarrier(const Nic& nic, bool carrier) {
  auto rtnl = lab::Rtnl::Open(*netns_);
  ASSERT_TRUE(rtnl.ok()) << Message(rtnl.status());
  const auto peer = netns_->IfIndex(nic.peer);
  ASSERT_TRUE(peer.ok()) << Message(peer.status());
  ASSERT_TRUE(rtnl->SetUp(*peer, carrier).ok());
  const absl::Status seen = lab::Await(
      absl::Seconds(5),
      [&] {
        const auto link = rtnl->Link(static_cast<int>(nic.ifindex));
        return link.ok() && link->carrier == carrier;
      },
      "carrier");
  ASSERT_TRUE(seen.ok()) << Message(seen);
}

std::string FamilyName(const testing::TestParamInfo<Family>& info) {
  return info.param == Family::kV4 ? "V4" : "V6";
}

}  // namespace stronghost::packet
