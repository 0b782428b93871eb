// Simple multihoming (RFC 1122 section 3.3.4.1, c): each source leaves through the gateway of its
// own provider, wherever table main's default route leads.
#include <sys/socket.h>

#include "tests/lab/providers_fixture.h"
#include "tests/lib/await.h"
#include "tests/lib/ping.h"

namespace stronghost::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kFamilies[] = {AF_INET, AF_INET6};

// Gateways from the file, while table main knows nothing of the second; or from table main.
class Providers : public ProvidersLab, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(BuildLab()); }
  void Start(const std::string& keys_of_second = "") {
    if (!GetParam()) {
      ASSERT_OK(AddSecondDefault(lab()));
    }
    ASSERT_NO_FATAL_FAILURE(StartAgent(TwoGroups(GetParam(), keys_of_second)));
    AwaitWay(Address(1, AF_INET), "default via");
    AwaitWay(Address(1, AF_INET6), "default via");
  }
  void AwaitWay(const IpAddress& source, const std::string& text) {
    EXPECT_OK(Await(
        absl::Seconds(10), [&] { return TableOf(source).find(text) != std::string::npos; }, text))
        << TableOf(source);
  }
  void ExpectNothingFiltered() {
    const auto filtered = FilteredPackets(lab());
    ASSERT_OK(filtered);
    EXPECT_EQ(*filtered, 0);
    EXPECT_THAT(agent().Log(), Not(HasSubstr("change the kernel")));
  }
  void ForgetNeighbours() {
    for (NetNs* netns : {&lab().server(), &lab().gateway()}) {
      ASSERT_OK(netns->Check({"ip", "neigh", "flush", "all"}));
    }
  }
};

INSTANTIATE_TEST_SUITE_P(, Providers, ::testing::Bool(), [](const auto& configured) {
  return configured.param ? "InTheFile" : "OfTableMain";
});

TEST_P(Providers, EverySourceGoesThroughItsOwn) {
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const int family : kFamilies) {
    for (int nic = 0; nic < 2; ++nic) {
      SCOPED_TRACE(Address(nic, family).ToString());
      EXPECT_OK(
          Ping(lab().server(), LabPlan::FarAddress(family), {.source = Address(nic, family)}));
      EXPECT_OK(Ping(lab().far(), Address(nic, family)));
      auto session = TcpSession::Start(
          lab().server(), lab().far(),
          {.destination = LabPlan::FarAddress(family), .source = Address(nic, family)});
      ASSERT_OK(session);
      EXPECT_OK((*session)->AwaitProgress(20'000, absl::Seconds(10)));
      const TcpResult result = (*session)->Finish();
      EXPECT_TRUE(result.alive) << result.ToString();
    }
  }
  ExpectNothingFiltered();
}

// Routing obeys the device; the gateway is asked anew behind it, its MAC unknown as yet.
TEST_P(Providers, ASocketBoundToTheOtherNicGoesThroughItsOwn) {
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const int family : kFamilies) {
    for (int nic = 0; nic < 2; ++nic) {
      if (nic == 0 && GetParam()) {
        continue;  // table main has no way through eth1: the socket finds none
      }
      SCOPED_TRACE(Address(nic, family).ToString());
      ASSERT_NO_FATAL_FAILURE(ForgetNeighbours());
      const int64_t before = Counter("out_other_group");
      auto stream = Stream::Start(lab().server(), lab().far(),
                                  {.destination = LabPlan::FarAddress(family),
                                   .rate = 500,
                                   .max_packets = 300,
                                   .source = Address(nic, family),
                                   .source_device = LabPlan::Nic(1 - nic)});
      ASSERT_OK(stream);
      EXPECT_OK(stream->receiver().AwaitCount(300, absl::Seconds(20)));
      const StreamResult result = stream->Finish();
      EXPECT_EQ(result.lost, 0U) << result.ToString();
      EXPECT_GE(Counter("out_other_group") - before, 300);
    }
  }
  ExpectNothingFiltered();
}

// In fragments, since they are larger than the MTU.
TEST_P(Providers, FragmentsGoThroughTheirOwn) {
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const int family : kFamilies) {
    for (const char* device : {"", "eth0"}) {
      auto stream = Stream::Start(lab().server(), lab().far(),
                                  {.destination = LabPlan::FarAddress(family),
                                   .rate = 500,
                                   .max_packets = 100,
                                   .payload_size = 4000,
                                   .source = Address(1, family),
                                   .source_device = device});
      ASSERT_OK(stream);
      EXPECT_OK(stream->receiver().AwaitCount(100, absl::Seconds(20)));
      EXPECT_EQ(stream->Finish().lost, 0U);
    }
  }
  ExpectNothingFiltered();
}

TEST_P(Providers, IcmpErrorsGoThroughTheProviderOfTheAddressThatWasAsked) {
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const int family : kFamilies) {
    for (int nic = 0; nic < 2; ++nic) {
      auto capture = Capture::Start(lab().far(), LabPlan::kFarNic,
                                    {.direction = CaptureOptions::Direction::kIncoming});
      ASSERT_OK(capture);
      auto sender = StreamSender::Start(
          lab().far(),
          {.destination = Address(nic, family), .port = 9, .rate = 100, .max_packets = 3});
      ASSERT_OK(sender);
      EXPECT_OK((*capture)->AwaitFrame(
          [&](const CapturedFrame& frame) {
            const Frame parsed = frame.Parse();
            return parsed.icmp && parsed.icmp->type == (family == AF_INET ? 3 : 1) &&
                   parsed.ip->source == Address(nic, family);
          },
          absl::Seconds(5)));
    }
  }
  ExpectNothingFiltered();
}

// Of a container whose prefix is the second provider's.
TEST_P(Providers, ForwardedPacketsGoThroughTheProviderOfTheirPrefix) {
  std::string prefixes;
  std::string ways;
  for (const int family : kFamilies) {
    const std::string prefix = family == AF_INET ? "192.0.2.128/25" : "2001:db8:c::/64";
    absl::StrAppend(&prefixes, "[[group.prefix]]\nprefix = \"", prefix, "\"\nhome = \"eth1\"\n");
    absl::StrAppend(&ways, "route add ", prefix, " via ", Address(1, family).ToString(), "\n");
  }
  ASSERT_OK(lab().gateway().IpBatch(ways));
  auto container = lab().AddContainer({.ipv6 = true, .masquerade = false});
  ASSERT_OK(container);
  ASSERT_NO_FATAL_FAILURE(Start(prefixes));
  for (const int family : kFamilies) {
    EXPECT_OK(Ping(**container, LabPlan::FarAddress(family)));
    EXPECT_OK(Ping(lab().far(), Lab::ContainerAddress(0, family)));
  }
  ExpectNothingFiltered();
}

// The host's first default route leads to a gateway that is dead: the other provider's is taken,
// and its address with it, or its filter would drop what is sent.
TEST_P(Providers, WhatHasNoSourceYetLeavesTheProviderWhoseGatewayIsDead) {
  if (GetParam()) {
    ASSERT_OK(AddSecondDefault(lab()));
  }
  ASSERT_NO_FATAL_FAILURE(Start());
  std::vector<Stream> streams;
  for (const int family : kFamilies) {
    auto stream = Stream::Start(lab().server(), lab().far(),
                                {.destination = LabPlan::FarAddress(family), .rate = 200});
    ASSERT_OK(stream);
    streams.push_back(*std::move(stream));
  }
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
  ASSERT_OK(
      lab().switch_netns().IpBatch(absl::StrCat("link set ", LabPlan::GatewayPort(0), " down\n")));
  for (Stream& stream : streams) {
    ASSERT_OK(stream.AwaitReceived(500, absl::Seconds(60))) << agent().Log();
  }
  ExpectNothingFiltered();
}

// The trouble that is ended.
TEST(PlainLinux, SendsTheSecondProvidersAddressToTheFirstWhichDropsIt) {
  auto lab = Lab::Create({.nics = 1, .segments = 2});
  ASSERT_OK(lab);
  ASSERT_OK(FilterSources(**lab));
  ASSERT_OK(AddSecondDefault(**lab));
  int64_t expected = 0;
  for (const int family : kFamilies) {
    for (int nic = 0; nic < 2; ++nic) {
      const IpAddress source = (*lab)->plan().NicAddress(nic, family);
      const auto there = Ping((*lab)->server(), LabPlan::FarAddress(family),
                              {.timeout = absl::Milliseconds(300), .source = source});
      EXPECT_EQ(there.ok(), nic == 0) << source.ToString();
      const auto back = Ping((*lab)->far(), source, {.timeout = absl::Milliseconds(300)});
      EXPECT_EQ(back.ok(), nic == 0) << source.ToString();
      expected += nic == 0 ? 0 : 2;
      EXPECT_EQ(FilteredPackets(**lab).value_or(-1), expected);
    }
  }
}

}  // namespace
}  // namespace stronghost::lab
