// Which source address: answers, an application's choice, and nobody's.
#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/conformance/conformance.h"
#include "tests/lib/ping.h"
#include "tests/lib/sockaddr.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::lab {
namespace {

constexpr uint16_t kPort = 7000;

bool IsOwn(const Host& host, const IpAddress& address, int family) {
  return address == host.Address(0, family) || address == host.Address(1, family);
}

// A server bound to the wildcard, and `peer` who asks it at `asked`. Who answers; an error when no
// answer came.
absl::StatusOr<IpAddress> AskWildcard(Host& host, const Peer& peer, const IpAddress& asked) {
  ASSIGN_OR_RETURN(UdpSocket server, host.Udp(asked.family()));
  RETURN_IF_ERROR(server.Bind(AnyAddress(asked.family()), kPort));
  ASSIGN_OR_RETURN(UdpSocket client, UdpSocket::Open(*peer.netns, asked.family()));
  RETURN_IF_ERROR(client.Bind(peer.address, 0));
  RETURN_IF_ERROR(client.SendTo(asked, kPort));
  ASSIGN_OR_RETURN(const Datagram question, server.Receive(kPatience));
  RETURN_IF_ERROR(server.SendTo(question.from, question.from_port));
  ASSIGN_OR_RETURN(const Datagram answer, client.Receive(kPatience));
  return answer.from;
}

// MH-1, MH-17.
SH_CONFORMANCE(MH1_TheAskedAddressAnswers, Places(kAll)) {
  Judge(
      [](Host& host, int family) -> Violation {
        for (const Peer& peer : host.Peers(family)) {
          for (const int which : {0, 1}) {
            const IpAddress asked = host.Address(which, family);
            const auto from = AskWildcard(host, peer, asked);
            if (!from.ok() || *from != asked) {
              return absl::StrCat(peer.address.ToString(), " asked ", asked.ToString(), ": ",
                                  from.ok() ? from->ToString() : from.status().ToString());
            }
          }
        }
        return "";
      },
      // The source is that of the route back.
      {.plain = absl::StrCat(": ", family() == AF_INET ? "198.51.100.1" : "2001:db8")});
}

// What `peer` hears from a socket with this source, bound or named with the datagram.
absl::StatusOr<IpAddress> HeardSource(Host& host, const Peer& peer, const IpAddress& source,
                                      bool bound) {
  ASSIGN_OR_RETURN(UdpSocket listener, UdpSocket::Open(*peer.netns, source.family()));
  RETURN_IF_ERROR(listener.Bind(peer.address, kPort));
  ASSIGN_OR_RETURN(UdpSocket sender, host.Udp(source.family()));
  if (bound) {
    RETURN_IF_ERROR(sender.Bind(source, 0));
  }
  RETURN_IF_ERROR(sender.SendTo(peer.address, kPort, bound ? IpAddress() : source));
  ASSIGN_OR_RETURN(const Datagram heard, listener.Receive(kPatience));
  return heard.from;
}

// MH-2, MH-15.
SH_CONFORMANCE(MH2_AnApplicationChoosesTheSource, Places(kAll)) {
  Judge(
      [](Host& host, int family) -> Violation {
        for (const Peer& peer : host.Peers(family)) {
          for (const int which : {0, 1}) {
            for (const bool bound : {true, false}) {
              const IpAddress source = host.Address(which, family);
              const auto heard = HeardSource(host, peer, source, bound);
              if (!heard.ok() || *heard != source) {
                return absl::StrCat(source.ToString(), bound ? " (bound)" : " (PKTINFO)", " to ",
                                    peer.address.ToString(), ": ",
                                    heard.ok() ? heard->ToString() : heard.status().ToString());
              }
            }
          }
        }
        return "";
      },
      // In c what the second provider's address sends to far goes to the first, who drops it.
      {.plain = In({Topology::kC}) ? "no datagram came" : ""});
}

// MH-3, MH-16: one of the host's own, and getsockname() says which before the first packet.
SH_CONFORMANCE(MH3_AndMH16_TheStackChoosesOtherwiseAndSaysSo, Places(kAll)) {
  Judge([](Host& host, int family) -> Violation {
    for (const Peer& peer : host.Peers(family)) {
      auto listener = UdpSocket::Open(*peer.netns, family);
      auto sender = host.Udp(family);
      if (!listener.ok() || !sender.ok() || !listener->Bind(peer.address, kPort).ok()) {
        return "no sockets";
      }
      if (const absl::Status status = sender->Connect(peer.address, kPort); !status.ok()) {
        return status.ToString();
      }
      const IpAddress said = sender->LocalAddress().value_or(IpAddress());
      (void)sender->SendTo(peer.address, kPort);
      const auto heard = listener->Receive(kPatience);
      if (!heard.ok() || heard->from != said || !IsOwn(host, said, family)) {
        return absl::StrCat(
            "to ", peer.address.ToString(), " getsockname says ", said.ToString(),
            ", heard: ", heard.ok() ? heard->from.ToString() : heard.status().ToString());
      }
    }
    return "";
  });
}

absl::StatusOr<IpAddress> ChosenSource(Host& host, const IpAddress& destination) {
  ASSIGN_OR_RETURN(UdpSocket socket, host.Udp(destination.family()));
  RETURN_IF_ERROR(socket.Connect(destination, kPort));
  return socket.LocalAddress();
}

SH_CONFORMANCE(MH7_ASourceOfTheDestinationsNetwork, Places({Topology::kA, Topology::kC})) {
  Judge([](Host& host, int family) -> Violation {
    for (const int which : {0, 1}) {
      const auto chosen = ChosenSource(host, host.Neighbour(which, family).address);
      if (!chosen.ok() || *chosen != host.Address(which, family)) {
        return absl::StrCat("to network ", which, ": ",
                            chosen.ok() ? chosen->ToString() : chosen.status().ToString());
      }
    }
    return "";
  });
}

std::vector<Place> RoutesTellSources() {
  std::vector<Place> places = Places({Topology::kA, Topology::kC}, {AF_INET});
  places.push_back({Topology::kC, AF_INET6});
  return places;
}

// A route of table main to far decides, and without it the default gateway of the lowest metric.
// (In a an IPv6 route says no more than the NIC, which has both addresses.)
SH_CONFORMANCE(MH8_ThenByStaticRouteThenByPreferenceOfGateways, RoutesTellSources()) {
  Judge([](Host& host, int family) -> Violation {
    const IpAddress far = LabPlan::FarAddress(family);
    const std::string route =
        absl::StrCat(far.ToString(), " via ", host.Gateway(1, family).ToString(), " dev ",
                     LabPlan::Nic(host.NicOf(1)));
    const auto by_default = ChosenSource(host, far);
    if (!host.lab().server().IpBatch(absl::StrCat("route add ", route)).ok()) {
      return "no route";
    }
    const auto by_route = ChosenSource(host, far);
    EXPECT_OK(host.lab().server().IpBatch(absl::StrCat("route del ", route)));
    if (!by_default.ok() || *by_default != host.Address(0, family)) {
      return "not the first gateway's";
    }
    return by_route.ok() && *by_route == host.Address(1, family) ? "" : "not the route's";
  });
}

// MH-9, MH-18: sockets bound to what is no address of a host, and foreign ones named by PKTINFO.
SH_CONFORMANCE(MH9_AndMH18_NeverABroadcastMulticastOrForeignSource, Places(kAll)) {
  Judge([](Host& host, int family) -> Violation {
    const std::vector<std::string> wrong =
        family == AF_INET
            ? std::vector<std::string>{"198.51.100.255", "255.255.255.255", "224.0.0.9",
                                       "203.0.113.77", "198.51.100.77"}
            : std::vector<std::string>{"ff02::9", "ff0e::9", "2001:db8:1::77", "2001:db8::77"};
    const Peer peer = host.Neighbour(0, family);
    for (const std::string& text : wrong) {
      for (const bool bound : {true, false}) {
        const auto heard = HeardSource(host, peer, *IpAddress::Parse(text), bound);
        if (heard.ok() && !IsOwn(host, *heard, family)) {
          return absl::StrCat("heard ", heard->ToString());
        }
      }
    }
    const auto good = HeardSource(host, peer, host.Address(0, family), true);
    return good.ok() ? "" : good.status().ToString();
  });
}

// MH-11: of a broadcast that arrives, the specific destination is an address of the NIC. (IPv6
// tells the group's address, RFC 3542.) Linux asks its routing table where the asker is, so of two
// NICs in one network it names the address of the first for both.
SH_CONFORMANCE(MH11_ABroadcastsSpecificDestinationIsOfTheNicItCameInOn, Places(kAll, {AF_INET})) {
  Judge(
      [](Host& host, int family) -> Violation {
        for (const int which : {0, 1}) {
          auto server = host.Udp(family);
          const Peer peer = host.Neighbour(which, family);
          auto client = UdpSocket::Open(*peer.netns, family);
          if (!server.ok() || !client.ok() || !server->Bind(AnyAddress(family), kPort).ok() ||
              !client->Bind(peer.address, 0).ok() || !client->AllowBroadcast().ok()) {
            return "no sockets";
          }
          (void)client->SendTo(*IpAddress::Parse("255.255.255.255"), kPort);
          // In b2 there are two copies, one on each NIC.
          for (int copy = 0; copy < (host.topology() == Topology::kB2 ? 2 : 1); ++copy) {
            const auto question = server->Receive(kPatience);
            if (!question.ok()) {
              return question.status().ToString();
            }
            const bool on_second = question->interface == host.Interface(1).value_or(0);
            if (!IsOwn(host, question->specific, family) ||
                (host.HasTwoNics() &&
                 question->specific != host.Address(on_second ? 1 : 0, family))) {
              return absl::StrCat("on ", on_second ? "eth1" : "eth0", " named ",
                                  question->specific.ToString());
            }
          }
        }
        return "";
      },
      In({Topology::kB2}) ? Known{"on eth1 named 198.51.100.1", "on eth1 named 198.51.100.1"}
                          : Known{});
}

// MH-14, MH-20: the application is told the address that was asked.
SH_CONFORMANCE(MH14_AndMH20_TheApplicationIsToldTheAddressAsked, Places(kAll)) {
  Judge([](Host& host, int family) -> Violation {
    for (const Peer& peer : host.Peers(family)) {
      for (const int which : {0, 1}) {
        const IpAddress asked = host.Address(which, family);
        auto server = host.Udp(family);
        auto client = UdpSocket::Open(*peer.netns, family);
        if (!server.ok() || !client.ok() || !server->Bind(AnyAddress(family), kPort).ok()) {
          return "no sockets";
        }
        (void)client->SendTo(asked, kPort);
        const auto question = server->Receive(kPatience);
        if (!question.ok()) {
          return question.status().ToString();
        }
        if (question->specific != asked || question->to != asked) {
          return absl::StrCat(asked.ToString(), " asked, told ", question->specific.ToString());
        }
      }
    }
    return "";
  });
}

// MH-19: chosen before the first SYN, and never another.
SH_CONFORMANCE(MH19_ATcpSessionKeepsTheAddressItBeganWith, Places(kAll)) {
  Judge([](Host& host, int family) -> Violation {
    for (const Peer& peer : host.Peers(family)) {
      auto session =
          TcpSession::Start(host.lab().server(), *peer.netns, {.destination = peer.address});
      if (!session.ok() || !(*session)->AwaitProgress(20'000, absl::Seconds(5)).ok()) {
        return absl::StrCat("no session with ", peer.address.ToString());
      }
      const TcpResult result = (*session)->Finish();
      if (!result.alive || !IsOwn(host, result.client_address, family)) {
        return result.ToString();
      }
    }
    return "";
  });
}

}  // namespace
}  // namespace stronghost::lab
