// Addresses that move from NIC to NIC in a real kernel.
#include <linux/if_addr.h>

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/act/move_addresses.h"
#include "agent/netlink/route_lookup.h"
#include "tests/lab/netlink_fixture.h"
#include "tests/lib/process.h"

namespace stronghost {
namespace {

using testing::IsEmpty;
using MovingAddresses = NetlinkLab;

// The kernel accepts packets for a new IPv6 address a moment after it has acknowledged it: when a
// worker of its own has got the lock that others keep busy here.
TEST_F(MovingAddresses, AreAcceptedOnTheNewNicBeforeTheyLeaveTheOldOne) {
  ASSERT_OK_AND_ASSIGN(const lab::NetNs elsewhere, lab::NetNs::Create("busy"));
  std::vector<lab::Process> others;
  for (int i = 0; i < 3; ++i) {
    const std::string nic = absl::StrCat("busy", i);
    auto process = lab::Process::Start(
        elsewhere, {.argv = {"sh", "-c",
                             absl::StrCat("while ip link add ", nic, " type veth peer name peer", i,
                                          " && ip link del ", nic, "; do :; done")}});
    ASSERT_OK(process);
    others.push_back(*std::move(process));
  }
  const IfIndex eth0 = Index("eth0");
  const IfIndex eth1 = Index("eth1");
  AddressFact here{.link = eth0, .ip = Prefix("2001:db8::11/64"), .flags = IFA_F_NODAD};
  ASSERT_THAT(ApplySteps(*socket_, {AddAddress{here}}, {}).failures, IsEmpty());
  int lost = 0;
  for (int round = 0; round < 300; ++round) {
    AddressFact there = here;
    there.link = here.link == eth0 ? eth1 : eth0;
    Facts facts;
    facts.addresses = {here};
    ASSERT_THAT(AddMovingAddresses(*socket_, {AddAddress{there}}, facts).failures, IsEmpty());
    ASSERT_THAT(ApplySteps(*socket_, {DeleteAddress{here, {}}}, facts).failures, IsEmpty());
    const auto route = LookUpRoute(*socket_, std::nullopt, here.ip.address);
    lost += route.ok() && route->local ? 0 : 1;
    here = there;
  }
  EXPECT_EQ(lost, 0);
  for (const lab::Process& process : others) {
    EXPECT_TRUE(process.IsRunning());
  }
}

}  // namespace
}  // namespace stronghost
