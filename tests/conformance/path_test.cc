// Which NIC: what is accepted where, and what leaves by which.
#include <netinet/in.h>
#include <sys/socket.h>

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/conformance/conformance.h"
#include "tests/lib/await.h"
#include "tests/lib/frame_builder.h"
#include "tests/lib/ping.h"
#include "tests/lib/raw_sender.h"
#include "tests/lib/stream.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::lab {
namespace {

constexpr uint16_t kClosedPort = 9;

// An echo request in a frame to `mac`.
Bytes EchoFrame(const MacAddress& mac, const MacAddress& from_mac, const IpAddress& from,
                const IpAddress& to, uint16_t id) {
  const Ethernet link{mac, from_mac};
  const uint32_t rest = uint32_t{id} << 16U | 1U;
  return to.IsV4()
             ? BuildFrame({link, Ipv4{.source = from, .destination = to}, Icmp{.rest = rest}})
             : BuildFrame({link, Ipv6{.source = from, .destination = to}, Icmp6{.rest = rest}});
}

MacAddress MacOf(Host& host, const Peer& peer) {
  const bool second = host.topology() == Topology::kC &&
                      peer.address == host.Neighbour(1, peer.address.family()).address;
  return LabPlan::ClientMac(second ? 1 : 0);
}

// Sends an echo request for `to` to the MAC of `nic`, and one that is surely answered behind it.
// Whether something came back for the first before the second was answered.
absl::StatusOr<bool> Answers(Host& host, const IpAddress& to, int nic) {
  static uint16_t next_id = 100;
  const uint16_t id = next_id++;
  const uint16_t control = next_id++;
  const int which = host.HasTwoNics() ? nic : 0;
  const int family = to.family();
  const Peer peer = host.Neighbour(which, family);
  const MacAddress mac = MacOf(host, peer);
  ASSIGN_OR_RETURN(const auto capture,
                   Capture::Start(host.lab().switch_netns(), LabPlan::Port(nic),
                                  {.direction = CaptureOptions::Direction::kIncoming}));
  std::vector<std::unique_ptr<Capture>> all;
  for (int i = 0; i < host.nic_count(); ++i) {
    ASSIGN_OR_RETURN(auto watch, host.Watch(i));
    all.push_back(std::move(watch));
  }
  ASSIGN_OR_RETURN(const RawSender sender, RawSender::Open(*peer.netns, LabPlan::kClientNic));
  RETURN_IF_ERROR(sender.Send(EchoFrame(LabPlan::NicMac(nic), mac, peer.address, to, id)));
  RETURN_IF_ERROR(sender.Send(
      EchoFrame(LabPlan::NicMac(nic), mac, peer.address, host.Address(which, family), control)));
  const auto answers = [&](uint16_t wanted) {
    int count = 0;
    for (const auto& watch : all) {
      count += watch->Count([&](const Frame& frame) {
        return frame.icmp && frame.icmp->id == wanted &&
               (frame.icmp->type == 0 || frame.icmp->type == 129);
      });
      // No error either: "silently".
      count += watch->Count([&](const Frame& frame) {
        return wanted == id && frame.icmp && frame.ip->destination == peer.address &&
               (frame.icmp->type == 3 || frame.icmp->type == 1);
      });
    }
    return count;
  };
  RETURN_IF_ERROR(Await(
      absl::Seconds(5), [&] { return answers(control) > 0; }, "the answer behind it"));
  return answers(id) > 0;
}

SH_CONFORMANCE(MH4_DropsWhatComesInOnAnotherNic, Places(kTwoNics)) {
  Judge(
      [](Host& host, int family) -> Violation {
        for (const int which : {0, 1}) {
          const auto answered = Answers(host, host.Address(which, family), 1 - which);
          if (!answered.ok() || *answered) {
            return absl::StrCat(host.Address(which, family).ToString(), " accepted on eth",
                                1 - which, " ", answered.status().ToString());
          }
        }
        return "";
      },
      {.plain = "accepted on eth1"});
}

// Provokes all kinds of packets of each address: datagrams (whole, in fragments, by sockets bound
// to the other NIC), connections that are refused, echo replies, ICMP errors.
void MakeTraffic(Host& host, int family) {
  for (const Peer& peer : host.Peers(family)) {
    for (const int which : {0, 1}) {
      const IpAddress own = host.Address(which, family);
      (void)Ping(*peer.netns, own, {.timeout = kPatience});
      for (const std::string& device : {std::string(), LabPlan::Nic(host.NicOf(1 - which))}) {
        for (const size_t size : {64U, 4000U}) {
          auto sender = StreamSender::Start(host.lab().server(), {.destination = peer.address,
                                                                  .port = kClosedPort,
                                                                  .max_packets = 2,
                                                                  .payload_size = size,
                                                                  .device = device,
                                                                  .source = own});
          if (sender.ok()) {
            (void)(*sender)->AwaitCount(2, absl::Seconds(2));
          }
        }
      }
      auto asker = StreamSender::Start(*peer.netns,
                                       {.destination = own, .port = kClosedPort, .max_packets = 2});
      if (asker.ok()) {
        (void)(*asker)->AwaitCount(2, absl::Seconds(2));
      }
      (void)TcpSession::Start(*peer.netns, host.lab().server(),
                              {.destination = own, .connect_timeout = absl::Milliseconds(100)});
    }
  }
}

// What leaves by each NIC of a host that has two.
absl::StatusOr<std::vector<std::unique_ptr<Capture>>> WatchBoth(Host& host) {
  std::vector<std::unique_ptr<Capture>> ports;
  for (const int nic : {0, 1}) {
    ASSIGN_OR_RETURN(auto watch, host.Watch(nic));
    ports.push_back(std::move(watch));
  }
  return ports;
}

SH_CONFORMANCE(MH5_SendsOnlyThroughTheOwner, Places(kTwoNics)) {
  Judge(
      [](Host& host, int family) -> Violation {
        const auto ports = WatchBoth(host);
        if (!ports.ok()) {
          return ports.status().ToString();
        }
        MakeTraffic(host, family);
        for (const int nic : {0, 1}) {
          int own = 0;
          for (const CapturedFrame& frame : (*ports)[static_cast<size_t>(nic)]->Frames()) {
            const Frame parsed = frame.Parse();
            own += parsed.ip && parsed.ip->source == host.Address(nic, family) ? 1 : 0;
            if (parsed.ip && parsed.ip->source == host.Address(1 - nic, family)) {
              return absl::StrCat("by eth", nic, ": ", parsed.ToString());
            }
          }
          if (own < 10) {
            return absl::StrCat("eth", nic, " sent only ", own);
          }
        }
        return "";
      },
      {.plain = "by eth0: "});
}

// MH-10: never an address of this host, and one that was until now.
SH_CONFORMANCE(MH10_DropsWhatIsNotForThisHost, Places(kAll)) {
  Judge([](Host& host, int family) -> Violation {
    const IpAddress other = *IpAddress::Parse(family == AF_INET ? "198.51.100.77" : "2001:db8::77");
    const std::string address =
        absl::StrCat(other.ToString(), family == AF_INET ? "/24" : "/64 nodad", " dev eth0\n");
    const auto before = Answers(host, other, 0);
    EXPECT_OK(host.lab().server().IpBatch(absl::StrCat("addr add ", address)));
    // The kernel makes an IPv6 address one of its own a moment after it was added.
    const absl::Status meanwhile = Await(
        absl::Seconds(2), [&] { return Answers(host, other, 0).value_or(false); }, "the address");
    EXPECT_OK(host.lab().server().IpBatch(absl::StrCat(
        "addr del ", other.ToString(), family == AF_INET ? "/24" : "/64", " dev eth0\n")));
    const auto after = Answers(host, other, 0);
    if (!before.ok() || !meanwhile.ok() || !after.ok()) {
      return absl::StrCat(before.status().ToString(), meanwhile.ToString(),
                          after.status().ToString());
    }
    return !*before && !*after ? "" : absl::StrCat("accepted: ", *before, *after);
  });
}

SH_CONFORMANCE(MH12_AnEchoReplyComesFromTheAddressAsked, Places(kAll)) {
  Judge(
      [](Host& host, int family) -> Violation {
        for (const Peer& peer : host.Peers(family)) {
          for (const int which : {0, 1}) {
            const auto answered =
                Ping(*peer.netns, host.Address(which, family), {.timeout = kPatience});
            if (!answered.ok()) {
              return answered.status().ToString();
            }
          }
        }
        return "";
      },
      // In c the answers to far leave through the wrong provider, who drops them.
      {.plain = In({Topology::kC}) ? "no answer to a ping from" : ""});
}

// MH-13: ICMP timestamp, which IPv6 has no more.
SH_CONFORMANCE(MH13_ATimestampReplyComesFromTheAddressAsked, Places(kAll, {AF_INET})) {
  Judge([](Host& host, int family) -> Violation {
    for (const int which : {0, 1}) {
      const IpAddress asked = host.Address(which, family);
      const Peer peer = host.Neighbour(which, family);
      auto capture = Capture::Start(*peer.netns, LabPlan::kClientNic,
                                    {.direction = CaptureOptions::Direction::kIncoming});
      auto sender = RawSender::Open(*peer.netns, LabPlan::kClientNic);
      if (!capture.ok() || !sender.ok()) {
        return "no sockets";
      }
      const Bytes question =
          BuildFrame({Ethernet{LabPlan::NicMac(host.NicOf(which)), MacOf(host, peer)},
                      Ipv4{.source = peer.address, .destination = asked},
                      Icmp{.type = 13, .rest = 0x00130001}, Payload::Zeros(12)});
      if (!sender->Send(question).ok()) {
        return "not sent";
      }
      const auto answer = (*capture)->AwaitFrame(
          [](const CapturedFrame& frame) {
            const Frame parsed = frame.Parse();
            return parsed.icmp && parsed.icmp->type == 14;
          },
          absl::Seconds(2));
      if (!answer.ok() || answer->Parse().ip->source != asked) {
        return absl::StrCat(asked.ToString(), " asked: ",
                            answer.ok() ? answer->Parse().ToString() : answer.status().ToString());
      }
    }
    return "";
  });
}

// MH-21: several interfaces make no router of it.
SH_CONFORMANCE(MH21_NeverForwardsForItsNumberOfNics, Places(kAll)) {
  Judge([](Host& host, int family) -> Violation {
    for (const char* knob : {"net/ipv4/ip_forward", "net/ipv4/conf/eth0/forwarding",
                             "net/ipv6/conf/all/forwarding", "net/ipv6/conf/eth0/forwarding"}) {
      if (host.lab().server().Sysctl(knob).value_or("?") != "0") {
        return absl::StrCat(knob, " is not 0");
      }
    }
    const auto forwarded = Answers(host, LabPlan::FarAddress(family), 0);
    return forwarded.ok() && !*forwarded ? "" : absl::StrCat("forwarded ", forwarded.ok());
  });
}

// MH-22: of several NICs no MAC is in use at two places.
SH_CONFORMANCE(MH22_NoMacAtTwoPlaces, Places(kTwoNics)) {
  Judge([](Host& host, int family) -> Violation {
    const auto ports = WatchBoth(host);
    if (!ports.ok()) {
      return ports.status().ToString();
    }
    MakeTraffic(host, family);
    std::map<MacAddress, std::set<int>> places;
    for (const int nic : {0, 1}) {
      for (const CapturedFrame& frame : (*ports)[static_cast<size_t>(nic)]->Frames()) {
        places[frame.Parse().source].insert(nic);
      }
    }
    if (places !=
        std::map<MacAddress, std::set<int>>{{LabPlan::NicMac(0), {0}}, {LabPlan::NicMac(1), {1}}}) {
      return absl::StrCat(places.size(), " MACs");
    }
    return "";
  });
}

}  // namespace
}  // namespace stronghost::lab
