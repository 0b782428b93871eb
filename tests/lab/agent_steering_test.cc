// G2, the source owns the way out: whatever socket, route or packet, it leaves by the wire of its
// source address, and arrives.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>

#include "tests/lab/agent_fixture.h"
#include "tests/lib/ping.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::lab {
namespace {

// Frames with a source address of `owner` that came out of the wrong NIC's cable.
class WrongWay {
 public:
  static std::unique_ptr<WrongWay> Watch(Lab& lab) {
    auto watch = std::make_unique<WrongWay>();
    for (int nic = 0; nic < lab.plan().nic_count(); ++nic) {
      std::vector<IpAddress> others;
      for (int other = 0; other < lab.plan().nic_count(); ++other) {
        if (other != nic) {
          others.push_back(lab.plan().NicAddress(other, AF_INET));
          others.push_back(lab.plan().NicAddress(other, AF_INET6));
          others.push_back(LabPlan::LinkLocal(LabPlan::NicMac(other)));
        }
      }
      auto capture = Capture::Start(
          lab.switch_netns(), LabPlan::Port(nic),
          {.direction = CaptureOptions::Direction::kIncoming,
           .snap_length = 96,
           .filter = [others, watch = watch.get()](const CapturedFrame& frame) {
             const Frame parsed = frame.Parse();
             ++watch->seen;
             const bool ip = parsed.ip && std::find(others.begin(), others.end(),
                                                    parsed.ip->source) != others.end();
             const bool arp = parsed.arp && std::find(others.begin(), others.end(),
                                                      parsed.arp->sender) != others.end();
             return ip || arp;
           }});
      EXPECT_OK(capture);
      watch->captures_.push_back(*std::move(capture));
    }
    return watch;
  }

  void ExpectNone() {
    for (auto& capture : captures_) {
      capture->Stop();
      EXPECT_EQ(capture->Missed(), 0);
      for (const CapturedFrame& frame : capture->Frames()) {
        ADD_FAILURE() << "left by the wrong NIC: " << frame.Parse().ToString();
        break;
      }
    }
  }

  std::atomic<int64_t> seen = 0;

 private:
  std::vector<std::unique_ptr<Capture>> captures_;
};

class Steering : public AgentLab, public ::testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(MacModes, Steering, ::testing::Values("follow", "stay"),
                         [](const auto& mode) { return std::string(mode.param); });

// 8 streams of 12,500: every source, both families, bound to its own NIC's device or the other's.
TEST_P(Steering, HundredThousandPacketsFromEverySourceAndDeviceLeaveByTheirWireAndArrive) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam())));
  const auto watch = WrongWay::Watch(lab());
  constexpr uint64_t kPackets = 12'500;
  std::vector<Stream> streams;
  for (const int family : {AF_INET, AF_INET6}) {
    for (int nic = 0; nic < 2; ++nic) {
      for (const int device : {nic, 1 - nic}) {
        auto stream = Stream::Start(lab().server(), lab().client(),
                                    {.destination = ClientAddress(family),
                                     .rate = 2500,
                                     .max_packets = kPackets,
                                     .source = Address(nic, family),
                                     .source_device = LabPlan::Nic(device)});
        ASSERT_OK(stream);
        streams.push_back(*std::move(stream));
      }
    }
  }
  for (Stream& stream : streams) {
    EXPECT_OK(stream.receiver().AwaitCount(kPackets, absl::Seconds(60)));
    const StreamResult result = stream.Finish();
    EXPECT_EQ(result.lost, 0U) << result.ToString();
  }
  watch->ExpectNone();
  EXPECT_GE(watch->seen, 100'000);
}

TEST_P(Steering, FragmentsAndRoutedPacketsLeaveByTheirWireAndArrive) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam())));
  const auto watch = WrongWay::Watch(lab());
  for (const int family : {AF_INET, AF_INET6}) {
    for (int nic = 0; nic < 2; ++nic) {
      for (const bool far : {false, true}) {
        auto stream =
            Stream::Start(lab().server(), far ? lab().far() : lab().client(),
                          {.destination = far ? LabPlan::FarAddress(family) : ClientAddress(family),
                           .rate = 1000,
                           .max_packets = 500,
                           .payload_size = 4000,
                           .source = Address(nic, family)});
        ASSERT_OK(stream);
        EXPECT_OK(stream->receiver().AwaitCount(500, absl::Seconds(20)));
        const StreamResult result = stream->Finish();
        EXPECT_EQ(result.lost, 0U) << result.ToString();
      }
    }
  }
  watch->ExpectNone();
}

TEST_P(Steering, TcpFromEverySourceAndDeviceWorksBothWays) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam())));
  const auto watch = WrongWay::Watch(lab());
  for (const int family : {AF_INET, AF_INET6}) {
    for (int nic = 0; nic < 2; ++nic) {
      for (const std::string& device : {std::string(), LabPlan::Nic(1 - nic)}) {
        auto session = TcpSession::Start(lab().server(), lab().client(),
                                         {.destination = ClientAddress(family),
                                          .source = Address(nic, family),
                                          .device = device});
        // The answers arrive at the source's home: a socket bound to the other device never sees
        // them, as the strong host model demands (RFC 1122 3.3.4.2). Its SYNs still obey.
        if (device.empty()) {
          ASSERT_OK(session);
          EXPECT_OK((*session)->AwaitProgress(20'000, absl::Seconds(10)));
          const TcpResult result = (*session)->Finish();
          EXPECT_TRUE(result.alive) << result.ToString();
        }
      }
    }
  }
  watch->ExpectNone();
}

// ICMP errors: port unreachable for datagrams to a closed port of each address.
TEST_P(Steering, IcmpErrorsLeaveByTheWireOfTheAddressThatWasAsked) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam())));
  const auto watch = WrongWay::Watch(lab());
  for (const int family : {AF_INET, AF_INET6}) {
    for (int nic = 0; nic < 2; ++nic) {
      auto capture = Capture::Start(lab().switch_netns(), LabPlan::Port(nic),
                                    {.direction = CaptureOptions::Direction::kIncoming});
      ASSERT_OK(capture);
      auto sender = StreamSender::Start(
          lab().client(),
          {.destination = Address(nic, family), .port = 9, .rate = 100, .max_packets = 5});
      ASSERT_OK(sender);
      const auto error = (*capture)->AwaitFrame(
          [&](const CapturedFrame& frame) {
            const Frame parsed = frame.Parse();
            return parsed.icmp && parsed.icmp->type == (family == AF_INET ? 3 : 1) &&
                   parsed.ip->source == Address(nic, family);
          },
          absl::Seconds(5));
      EXPECT_OK(error);
    }
  }
  watch->ExpectNone();
}

TEST_P(Steering, EveryAddressAnswersPingOnItsOwnNic) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam())));
  const auto watch = WrongWay::Watch(lab());
  for (const int family : {AF_INET, AF_INET6}) {
    for (int nic = 0; nic < 2; ++nic) {
      EXPECT_OK(Ping(lab().client(), Address(nic, family)));
      EXPECT_OK(Ping(lab().far(), Address(nic, family)));
    }
  }
  for (int nic = 0; nic < 2; ++nic) {
    EXPECT_OK(Ping(lab().client(), LabPlan::LinkLocal(LabPlan::NicMac(nic)),
                   {.device = LabPlan::kClientNic}));
  }
  watch->ExpectNone();
}

// The trouble that is ended: the same sockets on plain Linux.
TEST(PlainLinux, SendsEverySourceByTheRoutesNic) {
  auto lab = Lab::Create();
  ASSERT_OK(lab);
  auto capture = Capture::Start((*lab)->switch_netns(), LabPlan::Port(0),
                                {.direction = CaptureOptions::Direction::kIncoming});
  ASSERT_OK(capture);
  const IpAddress source = (*lab)->plan().NicAddress(1, AF_INET);
  EXPECT_OK(Ping((*lab)->server(), (*lab)->plan().ClientAddress(0, AF_INET), {.source = source}));
  EXPECT_OK((*capture)->AwaitFrame(
      [&](const CapturedFrame& frame) {
        const Frame parsed = frame.Parse();
        return parsed.ip && parsed.ip->source == source;
      },
      absl::Seconds(5)));
}

}  // namespace
}  // namespace stronghost::lab
