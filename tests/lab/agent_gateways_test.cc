// Which gateways a source has: its own, those of its group, or those that DHCP, router
// advertisements and people give table main, as they come and go.
#include <sys/socket.h>

#include "tests/lab/providers_fixture.h"
#include "tests/lib/await.h"
#include "tests/lib/frame_builder.h"
#include "tests/lib/ping.h"
#include "tests/lib/raw_sender.h"

namespace stronghost::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Gateways : public ProvidersLab {
 protected:
  void AwaitTable(const IpAddress& source, const testing::Matcher<std::string>& matcher) {
    const auto as_wanted = [&] { return matcher.Matches(TableOf(source)); };
    if (!Await(absl::Seconds(10), as_wanted, "the table").ok()) {
      EXPECT_THAT(TableOf(source), matcher);
    }
  }
};

// Packets to the gateway's network from `source` bear this MAC.
void ExpectFirstHop(Lab& lab, int port, const IpAddress& source, const MacAddress& mac) {
  auto capture = Capture::Start(lab.switch_netns(), LabPlan::Port(port),
                                {.direction = CaptureOptions::Direction::kIncoming});
  ASSERT_OK(capture);
  const auto ping = Ping(lab.server(), LabPlan::FarAddress(source.family()),
                         {.timeout = absl::Milliseconds(500), .source = source});
  EXPECT_OK((*capture)->AwaitFrame(
      [&](const CapturedFrame& frame) {
        const Frame parsed = frame.Parse();
        return parsed.icmp && parsed.ip->source == source && parsed.destination == mac;
      },
      absl::Seconds(5)))
      << ping.status();
}

// Of two addresses on one NIC, one has gateways of its own: a client, and behind it the gateway.
TEST_F(Gateways, AnAddressUsesItsOwnInOrderOfPreference) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  std::string addresses;
  for (const int family : {AF_INET, AF_INET6}) {
    absl::StrAppend(&addresses, "[[group.address]]\nip = \"",
                    family == AF_INET ? "198.51.100.9/24" : "2001:db8::9/64",
                    "\"\nhome = \"eth0\"\ngateways = [\"", ClientAddress(family).ToString(),
                    "\", \"", LabPlan::GatewayAddress(0, family).ToString(), "\"]\n");
  }
  ASSERT_NO_FATAL_FAILURE(
      StartAgent(absl::StrCat("[[group]]\nname = \"a\"\nnics = [\"eth0\"]\n", addresses)));
  for (const int family : {AF_INET, AF_INET6}) {
    const IpAddress own = *IpAddress::Parse(family == AF_INET ? "198.51.100.9" : "2001:db8::9");
    AwaitTable(own, testing::AllOf(
                        HasSubstr(absl::StrCat("default via ", ClientAddress(family).ToString())),
                        HasSubstr(absl::StrCat("default via ",
                                               LabPlan::GatewayAddress(0, family).ToString()))));
    ASSERT_NO_FATAL_FAILURE(ExpectFirstHop(lab(), 0, own, LabPlan::ClientMac(0)));
    ASSERT_NO_FATAL_FAILURE(ExpectFirstHop(lab(), 0, Address(0, family), LabPlan::GatewayMac(0)));
  }
  EXPECT_THAT(agent().Log(), Not(HasSubstr("change the kernel")));
}

// Static routes and those of DHCP (classless ones), while the second provider is nobody's default.
TEST_F(Gateways, RoutesOfTableMainAreFollowedAsTheyComeAndGo) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_NO_FATAL_FAILURE(StartAgent(TwoGroups(/*gateways=*/false)));
  for (const int family : {AF_INET, AF_INET6}) {
    const std::string far = family == AF_INET ? "203.0.113.0/24" : "2001:db8:1::/64";
    const std::string route =
        absl::StrCat("route add ", far, " via ", LabPlan::GatewayAddress(1, family).ToString(),
                     " dev eth1 proto dhcp metric 300\n");
    const IpAddress source = Address(1, family);
    EXPECT_THAT(Ping(lab().server(), LabPlan::FarAddress(family),
                     {.timeout = absl::Milliseconds(300), .source = source}),
                Not(testing::Property(&absl::StatusOr<absl::Duration>::ok, true)));
    ASSERT_OK(lab().server().IpBatch(route));
    AwaitTable(source, HasSubstr(absl::StrCat(far, " via ")));
    AwaitTable(source, HasSubstr("metric 300"));
    EXPECT_OK(Ping(lab().server(), LabPlan::FarAddress(family), {.source = source}));
    ASSERT_OK(lab().server().IpBatch(absl::StrCat("route del ", far, " dev eth1 metric 300\n")));
    AwaitTable(source, Not(HasSubstr(far)));
  }
  EXPECT_THAT(agent().Log(), Not(HasSubstr("change the kernel")));
}

// RFC 4191: a router advertisement with a preference and a route information option for `far`.
Bytes Advertisement(const IpAddress& router, uint8_t preference, uint16_t lifetime) {
  Bytes option = {24, 2, 64, preference, 0, 0, static_cast<uint8_t>(lifetime >> 8U), 0};
  const IpAddress far = LabPlan::FarAddress(AF_INET6);
  option.insert(option.end(), far.data(), far.data() + 8);
  return BuildFrame(
      {Ethernet{MulticastMac(*IpAddress::Parse("ff02::1")), LabPlan::GatewayMac(1)},
       Ipv6{.source = router, .destination = *IpAddress::Parse("ff02::1"), .hop_limit = 255},
       RouterAdvertisement{.flags = preference, .lifetime = lifetime}, Payload{option}});
}

TEST_F(Gateways, RoutersAndTheirRoutesAreFollowedByPreference) {
  ASSERT_NO_FATAL_FAILURE(BuildLab());
  ASSERT_OK(lab().server().SetSysctl("net/ipv6/conf/eth1/accept_ra", "2"));
  ASSERT_OK(lab().server().SetSysctl("net/ipv6/conf/eth1/accept_ra_rt_info_max_plen", "64"));
  ASSERT_NO_FATAL_FAILURE(StartAgent(TwoGroups(/*gateways=*/false)));
  auto router = RawSender::Open(lab().gateway(), LabPlan::GatewayNic(1));
  ASSERT_OK(router);
  const IpAddress low = *IpAddress::Parse("fe80::a");
  const IpAddress high = LabPlan::LinkLocal(LabPlan::GatewayMac(1));
  constexpr uint8_t kLow = 0x18;
  constexpr uint8_t kHigh = 0x08;
  const IpAddress source = Address(1, AF_INET6);
  ASSERT_OK(router->Send(Advertisement(low, kLow, 1800)));
  AwaitTable(source, HasSubstr("default via fe80::a dev eth1 proto 83 metric 1024"));
  AwaitTable(source, HasSubstr("2001:db8:1::/64 via fe80::a dev eth1 proto 83 metric 1024"));
  ASSERT_OK(router->Send(Advertisement(high, kHigh, 1800)));
  const std::string via_high = absl::StrCat(" via ", high.ToString(), " dev eth1 proto 83 metric ");
  for (const char* to : {"default", "2001:db8:1::/64"}) {
    AwaitTable(source, HasSubstr(absl::StrCat(to, via_high, 1024)));
    AwaitTable(source, HasSubstr(absl::StrCat(to, " via fe80::a dev eth1 proto 83 metric ", 1025)));
  }
  EXPECT_OK(Ping(lab().server(), LabPlan::FarAddress(AF_INET6), {.source = source}));
  ASSERT_OK(router->Send(Advertisement(high, kHigh, 0)));
  AwaitTable(source, Not(HasSubstr(high.ToString())));
  AwaitTable(source, HasSubstr("default via fe80::a dev eth1 proto 83 metric 1024"));
  EXPECT_THAT(agent().Log(), Not(HasSubstr("change the kernel")));
}

// A home with nothing but host addresses; table main reaches the gateway through its sibling.
TEST_F(Gateways, AHomeOfHostAddressesReachesAGatewayOfItsSiblingsSubnet) {
  ASSERT_NO_FATAL_FAILURE(
      Build(absl::StrCat(GroupKeys("follow"),
                         "[[group.address]]\nip = \"198.51.100.9/32\"\nhome = \"eth1\"\n"
                         "[[group.address]]\nip = \"2001:db8::9/128\"\nhome = \"eth1\"\n")));
  ASSERT_OK(
      lab().server().IpBatch("addr del 198.51.100.2/24 dev eth1\n"
                             "addr del 2001:db8::2/64 dev eth1\n"));
  for (const char* ip : {"198.51.100.9", "2001:db8::9"}) {
    const IpAddress source = *IpAddress::Parse(ip);
    AwaitTable(source, HasSubstr("default via"));
    EXPECT_OK(Ping(lab().server(), LabPlan::FarAddress(source.family()), {.source = source}));
    ASSERT_NO_FATAL_FAILURE(ExpectFirstHop(lab(), 1, source, LabPlan::GatewayMac(0)));
  }
  EXPECT_THAT(agent().Log(), Not(HasSubstr("change the kernel")));
}

}  // namespace
}  // namespace stronghost::lab
