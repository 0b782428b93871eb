// A minute on the stand-in: the stack does not notice.
#include <sys/socket.h>

#include "tests/lab/agent_fixture.h"
#include "tests/lib/await.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::lab {
namespace {

// Firewall rules by interface for the addresses of eth0: what comes or goes by another NIC, as the
// stack sees it, is dropped and counted.
constexpr char kRules[] = R"(
table inet zones {
  counter wrong_in {}
  counter wrong_out {}
  chain input {
    type filter hook input priority 0;
    ip daddr 198.51.100.1 iifname != { "eth0", "lo" } counter name wrong_in drop
    ip6 daddr 2001:db8::1 iifname != { "eth0", "lo" } counter name wrong_in drop
  }
  chain output {
    type filter hook output priority 0;
    ip saddr 198.51.100.1 oifname != { "eth0", "lo" } counter name wrong_out drop
    ip6 saddr 2001:db8::1 oifname != { "eth0", "lo" } counter name wrong_out drop
  }
}
)";

class StandIn : public AgentLab, public ::testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(MacModes, StandIn, ::testing::Values("follow", "stay"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(StandIn, ServesAMinuteWithoutLossUnderStrictRpFilterFirewallRulesAndMasquerading) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam(), "never"),
                                {.server_sysctls = {{"net/ipv4/conf/all/rp_filter", "1"},
                                                    {"net/ipv4/conf/default/rp_filter", "1"}}}));
  ASSERT_OK(lab().server().Check({"nft", "-f", "-"}, kRules));
  auto container = lab().AddContainer();
  ASSERT_OK(container);
  auto masqueraded =
      TcpSession::Start(**container, lab().far(), {.destination = LabPlan::FarAddress(AF_INET)});
  ASSERT_OK(masqueraded);
  auto plain =
      TcpSession::Start(lab().client(), lab().server(), {.destination = Address(0, AF_INET6)});
  ASSERT_OK(plain);
  ASSERT_OK((*masqueraded)->AwaitProgress(10'000, absl::Seconds(10)));

  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  // What was on the cable is gone; from here on nothing may be.
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartStreams(streams, 200));
  // The first is the clock: 62 s, in steps.
  for (int step = 0; step < 31; ++step) {
    ASSERT_OK(streams.front().AwaitSent(400));
  }
  for (Stream& stream : streams) {
    const StreamResult result = stream.Finish();
    EXPECT_EQ(result.lost, 0U) << result.ToString();
    EXPECT_GT(result.sent, 10'000U);
  }
  EXPECT_OK((*masqueraded)->AwaitProgress(10'000, absl::Seconds(10)));
  const TcpResult through_nat = (*masqueraded)->Finish();
  EXPECT_TRUE(through_nat.alive) << through_nat.ToString();
  const TcpResult direct = (*plain)->Finish();
  EXPECT_TRUE(direct.alive) << direct.ToString();

  // The dead home's neighbours are as good as ever.
  for (const char* family : {"-4", "-6"}) {
    const auto neighbours = lab().server().Check({"ip", family, "neigh", "show", "dev", "eth0"});
    ASSERT_OK(neighbours);
    EXPECT_EQ(neighbours->find("FAILED"), std::string::npos) << *neighbours;
    EXPECT_NE(neighbours->find("lladdr"), std::string::npos) << *neighbours;
  }
  const auto counters = lab().server().Check({"nft", "list", "counters"});
  ASSERT_OK(counters);
  size_t zeros = 0;
  for (size_t at = 0; (at = counters->find("packets 0 bytes 0", at)) != std::string::npos; ++at) {
    ++zeros;
  }
  EXPECT_EQ(zeros, 2U) << *counters;
}

}  // namespace
}  // namespace stronghost::lab
