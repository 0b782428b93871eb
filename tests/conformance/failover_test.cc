// What stays the same through a failure, a stand-in and a move: two logical hosts on two NICs.
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "tests/conformance/conformance.h"
#include "tests/lib/sockaddr.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::lab {
namespace {

constexpr uint16_t kPort = 7000;

class Failover : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    auto host = Host::Create(Topology::kB2, /*stronghost=*/true);
    ASSERT_OK(host);
    host_ = *std::move(host);
  }
  static int family() { return GetParam(); }
  IpAddress First() { return host_->Address(0, family()); }

  // A wildcard server that is asked at the first address: what it is told, and who answers.
  void ExpectAnswerThroughNic(int nic) {
    auto server = host_->Udp(family());
    ASSERT_OK(server);
    ASSERT_OK(server->Bind(AnyAddress(family()), kPort));
    auto client = UdpSocket::Open(host_->lab().client(), family());
    ASSERT_OK(client);
    ASSERT_OK(client->SendTo(First(), kPort));
    const auto question = server->Receive(absl::Seconds(5));
    ASSERT_OK(question);
    EXPECT_EQ(question->to, First());
    EXPECT_EQ(question->specific, First());
    EXPECT_EQ(question->interface, host_->Interface(nic).value_or(0));
    ASSERT_OK(server->SendTo(question->from, question->from_port));
    const auto answer = client->Receive(absl::Seconds(5));
    ASSERT_OK(answer);
    EXPECT_EQ(answer->from, First());
    // A socket that is bound to it says so.
    auto bound = host_->Udp(family());
    ASSERT_OK(bound);
    ASSERT_OK(bound->Bind(First(), 0));
    ASSERT_OK(bound->Connect(host_->Neighbour(0, family()).address, kPort));
    EXPECT_EQ(bound->LocalAddress().value_or(IpAddress()), First());
  }

  std::unique_ptr<Host> host_;
};

INSTANTIATE_TEST_SUITE_P(, Failover, testing::Values(AF_INET, AF_INET6), [](const auto& family) {
  return family.param == AF_INET ? "b2_v4" : "b2_v6";
});

// MH-14, MH-16, MH-17, MH-20: the stand-in is invisible, and after a move the new NIC is told.
TEST_P(Failover, MH14_TheApplicationIsToldTheSameThroughAStandInAndAMove) {
  const std::string ip = First().ToString();
  ASSERT_NO_FATAL_FAILURE(ExpectAnswerThroughNic(0));
  ASSERT_OK(host_->lab().PullCable(0));
  ASSERT_OK(host_->agent().AwaitWire(ip, "eth1"));
  ASSERT_NO_FATAL_FAILURE(ExpectAnswerThroughNic(0));
  ASSERT_OK(host_->lab().PlugCable(0));
  ASSERT_OK(host_->agent().AwaitWire(ip, "eth0"));
  const auto moved = host_->agent().Command({"move", ip, "eth1"});
  ASSERT_OK(moved);
  ASSERT_TRUE(moved->ok()) << moved->output;
  ASSERT_OK(host_->agent().AwaitWire(ip, "eth1"));
  ASSERT_NO_FATAL_FAILURE(ExpectAnswerThroughNic(1));
}

// MH-19.
TEST_P(Failover, MH19_ATcpSessionKeepsItsAddressThroughAStandInAndAMove) {
  auto session =
      TcpSession::Start(host_->lab().server(), host_->lab().client(),
                        {.destination = host_->Neighbour(0, family()).address, .source = First()});
  ASSERT_OK(session);
  const std::string ip = First().ToString();
  ASSERT_OK((*session)->AwaitProgress(20'000, absl::Seconds(10)));
  ASSERT_OK(host_->lab().PullCable(0));
  ASSERT_OK(host_->agent().AwaitWire(ip, "eth1"));
  ASSERT_OK((*session)->AwaitProgress(20'000, absl::Seconds(10)));
  ASSERT_OK(host_->lab().PlugCable(0));
  ASSERT_OK(host_->agent().AwaitWire(ip, "eth0"));
  ASSERT_OK(host_->agent().Command({"move", ip, "eth1"}));
  ASSERT_OK(host_->agent().AwaitWire(ip, "eth1"));
  ASSERT_OK((*session)->AwaitProgress(20'000, absl::Seconds(10)));
  const TcpResult result = (*session)->Finish();
  EXPECT_TRUE(result.alive) << result.ToString();
  EXPECT_EQ(result.client_address, First());
}

// MH-22: a MAC that another NIC has taken over is no longer sent by its own.
TEST_P(Failover, MH22_NoMacAtTwoPlacesWhileANicStandsIn) {
  const std::string ip = First().ToString();
  ASSERT_OK(host_->lab().PullCable(0));
  ASSERT_OK(host_->agent().AwaitWire(ip, "eth1"));
  auto ports = std::vector<std::unique_ptr<Capture>>();
  for (const int nic : {0, 1}) {
    auto watch = host_->Watch(nic);
    ASSERT_OK(watch);
    ports.push_back(*std::move(watch));
  }
  ASSERT_NO_FATAL_FAILURE(ExpectAnswerThroughNic(0));
  EXPECT_EQ(ports[0]->Frames().size(), 0U);
  EXPECT_GT(ports[1]->Count([](const Frame& frame) { return frame.source == LabPlan::NicMac(0); }),
            0);
}

}  // namespace
}  // namespace stronghost::lab
