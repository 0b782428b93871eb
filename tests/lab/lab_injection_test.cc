// Frames built by hand, judged by the kernel that receives them.
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lib/capture.h"
#include "tests/lib/frame_builder.h"
#include "tests/lib/gtest_status.h"
#include "tests/lib/lab.h"
#include "tests/lib/raw_sender.h"
#include "tests/lib/sockaddr.h"

namespace stronghost::lab {
namespace {

using ::testing::ElementsAre;

class InjectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto lab = Lab::Create({.gateway = false});
    ASSERT_OK(lab);
    lab_ = *std::move(lab);
    auto sender = RawSender::Open(lab_->client(), LabPlan::kClientNic);
    ASSERT_OK(sender);
    sender_.emplace(*std::move(sender));
    auto capture = Capture::Start(lab_->switch_netns(), "p0",
                                  {.direction = CaptureOptions::Direction::kIncoming});
    ASSERT_OK(capture);
    from_server_ = *std::move(capture);
  }

  Ethernet ToServer() {
    return {.destination = LabPlan::NicMac(0), .source = LabPlan::ClientMac(0)};
  }
  IpAddress Client(int family) { return lab_->plan().ClientAddress(0, family); }
  IpAddress Server(int family) { return lab_->plan().NicAddress(0, family); }
  Ipv4 Ip4() { return {.source = Client(AF_INET), .destination = Server(AF_INET)}; }
  Ipv6 Ip6() { return {.source = Client(AF_INET6), .destination = Server(AF_INET6)}; }

  absl::Status AwaitAnswer(const std::function<bool(const Frame&)>& is_answer) {
    return from_server_
        ->AwaitFrame([&](const CapturedFrame& frame) { return is_answer(frame.Parse()); },
                     absl::Seconds(2))
        .status();
  }

  // A UDP socket of the server, port 4444 of both families.
  void ListenUdp() {
    auto fd = lab_->server().Socket(AF_INET6, SOCK_DGRAM);
    ASSERT_OK(fd);
    udp_ = *std::move(fd);
    ASSERT_OK(Bind(udp_, IpAddress(), 4444));
    const timeval timeout{.tv_sec = 2, .tv_usec = 0};
    ASSERT_EQ(setsockopt(udp_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
  }
  std::string ReceiveUdp() {
    std::string text(10'000, ' ');
    const ssize_t size = recv(udp_.get(), text.data(), text.size(), 0);
    return size < 0 ? "nothing" : text.substr(0, static_cast<size_t>(size));
  }

  std::unique_ptr<Lab> lab_;
  std::optional<RawSender> sender_;
  std::unique_ptr<Capture> from_server_;
  UniqueFd udp_;
};

TEST_F(InjectionTest, EchoRequestsAreAnswered) {
  ASSERT_OK(sender_->Send(
      BuildFrame({ToServer(), Ip4(), Icmp{.rest = 0xabcd0001}, Payload::Text("hello")})));
  EXPECT_OK(AwaitAnswer([](const Frame& frame) {
    return frame.icmp.has_value() && frame.icmp->type == 0 && frame.icmp->id == 0xabcd;
  }));
  ASSERT_OK(sender_->Send(
      BuildFrame({ToServer(), Ip6(), Icmp6{.rest = 0xabce0001}, Payload::Text("hello")})));
  EXPECT_OK(AwaitAnswer([](const Frame& frame) {
    return frame.icmp.has_value() && frame.icmp->type == 129 && frame.icmp->id == 0xabce;
  }));
}

TEST_F(InjectionTest, ArpRequestsAndSolicitationsAreAnswered) {
  ASSERT_OK(sender_->Send(ArpRequest(LabPlan::ClientMac(0), Client(AF_INET), Server(AF_INET))));
  EXPECT_OK(AwaitAnswer(
      [&](const Frame& frame) { return frame.IsArp(2) && frame.arp->sender == Server(AF_INET); }));
  ASSERT_OK(
      sender_->Send(NeighborSolicit(LabPlan::ClientMac(0), Client(AF_INET6), Server(AF_INET6))));
  EXPECT_OK(AwaitAnswer([&](const Frame& frame) {
    return frame.IsAdvertisement() && frame.neighbor->target == Server(AF_INET6) &&
           frame.neighbor->link_layer == LabPlan::NicMac(0);
  }));
}

TEST_F(InjectionTest, SynIsRefusedByRst) {
  for (const Layer& ip : {Layer(Ip4()), Layer(Ip6())}) {
    from_server_->Clear();
    ASSERT_OK(sender_->Send(BuildFrame(
        {ToServer(), ip, Tcp{.source_port = 5555, .destination_port = 6666, .sequence = 1}})));
    EXPECT_OK(AwaitAnswer([](const Frame& frame) {
      return frame.ports.has_value() && frame.ports->source == 6666 &&
             (frame.ports->tcp_flags & Tcp::kRst) != 0;
    }));
  }
}

TEST_F(InjectionTest, DatagramsArriveAndOnlyThoseWithRightChecksums) {
  ASSERT_NO_FATAL_FAILURE(ListenUdp());
  const Udp udp{.source_port = 1111, .destination_port = 4444};
  Udp wrong = udp;
  wrong.checksum = 0x0bad;
  ASSERT_OK(sender_->Send(std::vector<Bytes>{
      BuildFrame({ToServer(), Ip4(), wrong, Payload::Text("wrong")}),
      BuildFrame({ToServer(), Ip4(), udp, Payload::Text("four")}),
      BuildFrame({ToServer(), Ip6(), wrong, Payload::Text("wrong")}),
      BuildFrame({ToServer(), Ip6(), udp, Payload::Text("six")}),
      // Router alert (RFC 2711) in a hop-by-hop header, then an empty destination options header.
      BuildFrame({ToServer(), Ip6(), HopByHop{.options = {5, 2, 0, 0}}, DestinationOptions{}, udp,
                  Payload::Text("extended")})}));
  EXPECT_EQ(ReceiveUdp(), "four");
  EXPECT_EQ(ReceiveUdp(), "six");
  EXPECT_EQ(ReceiveUdp(), "extended");
}

TEST_F(InjectionTest, FragmentsAreReassembled) {
  ASSERT_NO_FATAL_FAILURE(ListenUdp());
  const std::string text(4000, 'r');
  for (const Layer& ip : {Layer(Ip4()), Layer(Ip6())}) {
    const Bytes whole = BuildFrame(
        {ToServer(), ip, Udp{.source_port = 1111, .destination_port = 4444}, Payload::Text(text)});
    ASSERT_OK(sender_->Send(FragmentFrame(whole, 1400, 99)));
    EXPECT_EQ(ReceiveUdp(), text);
  }
}

TEST_F(InjectionTest, AdvertisementsAndGratuitousArpChangeTheServersCache) {
  const MacAddress other = {{0x02, 0, 0, 0, 0xee, 0x01}};
  // First the server must know the client at all.
  ASSERT_OK(lab_->server().IpBatch(
      "neigh add 198.51.100.100 lladdr 02:00:00:00:02:00 dev eth0\n"
      "neigh add 2001:db8::100 lladdr 02:00:00:00:02:00 dev eth0 nud stale\n"
      "neigh change 198.51.100.100 lladdr 02:00:00:00:02:00 dev eth0 nud stale\n"));
  ASSERT_OK(sender_->Send(GratuitousArp(other, Client(AF_INET))));
  ASSERT_OK(sender_->Send(
      BuildFrame({Ethernet{.destination = {{0x33, 0x33, 0, 0, 0, 1}}, .source = other},
                  Ipv6{.source = Client(AF_INET6),
                       .destination = IpAddress::Parse("ff02::1").value(),
                       .hop_limit = 255},
                  NeighborAdvertisement{
                      .target = Client(AF_INET6), .target_mac = other, .solicited = false}})));
  EXPECT_OK(Await(absl::Seconds(2), [&] {
    const auto cache = lab_->server().Check({"ip", "neigh", "show", "dev", "eth0"});
    return cache.ok() &&
           cache->find("198.51.100.100 lladdr 02:00:00:00:ee:01") != std::string::npos &&
           cache->find("2001:db8::100 lladdr 02:00:00:00:ee:01") != std::string::npos;
  }));
}

}  // namespace
}  // namespace stronghost::lab
