// Which gateway: of each source its own, in order of preference, and who may say otherwise.
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/conformance/conformance.h"
#include "tests/lib/await.h"
#include "tests/lib/frame_builder.h"
#include "tests/lib/ping.h"
#include "tests/lib/raw_sender.h"

namespace stronghost::lab {
namespace {

// The first hop of a packet from `source` to far; an error if none leaves by `nic`.
absl::StatusOr<MacAddress> FirstHop(Host& host, const IpAddress& source, int nic) {
  ASSIGN_OR_RETURN(const auto capture, host.Watch(nic));
  (void)Ping(host.lab().server(), LabPlan::FarAddress(source.family()),
             {.timeout = kPatience, .source = source});
  ASSIGN_OR_RETURN(const CapturedFrame frame, capture->AwaitFrame(
                                                  [&](const CapturedFrame& seen) {
                                                    const Frame parsed = seen.Parse();
                                                    return parsed.icmp && !parsed.neighbor &&
                                                           parsed.ip->source == source;
                                                  },
                                                  absl::Seconds(1)));
  return frame.Parse().destination;
}

SH_CONFORMANCE(MH6_EachSourceHasItsGateway, Places(kAll)) {
  Judge(
      [](Host& host, int family) -> Violation {
        for (const int which : {0, 1}) {
          const auto hop = FirstHop(host, host.Address(which, family), host.NicOf(which));
          if (!hop.ok() || *hop != Host::GatewayMac(which)) {
            return absl::StrCat(host.Address(which, family).ToString(), " leaves through ",
                                hop.ok() ? hop->ToString() : hop.status().ToString());
          }
        }
        return "";
      },
      // One default gateway for all sources.
      {.plain = " leaves through "});
}

// GW-1: the source of the first address has two, in order; on plain Linux every source has those of
// table main.
SH_CONFORMANCE(GW1_AndGW9_ASourceHasSeveralGatewaysInOrder, Places(kAll)) {
  Judge([](Host& host, int family) -> Violation {
    const std::string flag = family == AF_INET ? "-4" : "-6";
    const auto rule = host.lab().server().Check(
        {"ip", flag, "rule", "show", "from", host.Address(0, family).ToString()});
    std::string table = "main";
    if (const size_t at = rule.ok() ? rule->rfind("lookup ") : std::string::npos;
        at != std::string::npos) {
      table = rule->substr(at + 7, rule->find_first_of(" \n", at + 7) - at - 7);
    }
    const auto routes = host.lab().server().Check({"ip", flag, "route", "show", "table", table});
    if (!routes.ok() || (host.stronghost() && table == "main")) {
      return absl::StrCat("table ", table);
    }
    const size_t first = routes->find("via " + host.Gateway(0, family).ToString());
    const size_t second =
        routes->find("via " + host.Gateway(Host::kSecondGateway, family).ToString());
    return first < second && second != std::string::npos ? "" : *routes;
  });
}

// GW-2, GW-6, GW-8: the first gateway answers no request any more. Plain Linux notices for IPv6 by
// NUD (RFC 4861) and takes the next route, which in c is the other provider's, who drops the
// source; for IPv4 it never takes another.
SH_CONFORMANCE(GW2_AndGW6_AndGW8_AnotherGatewayTakesOver, Places(kAll)) {
  JudgeFresh(
      [](Host& host, int family) -> Violation {
        const IpAddress source = host.Address(0, family);
        const auto reaches_far = [&] {
          return Ping(host.lab().server(), LabPlan::FarAddress(family),
                      {.timeout = kPatience, .source = source})
              .ok();
        };
        if (!reaches_far()) {
          return "no way from the start";
        }
        EXPECT_OK(host.lab().gateway().IpBatch(
            absl::StrCat("addr del ", host.Gateway(0, family).ToString(),
                         family == AF_INET ? "/24" : "/64", " dev eth0\n")));
        EXPECT_OK(host.lab().server().Check({"ip", "neigh", "flush", "all"}));
        if (!Await(absl::Seconds(8), reaches_far, "another gateway").ok()) {
          return "no other gateway took over";
        }
        return "";
      },
      {.plain = In({Topology::kC}) || family() == AF_INET ? "no other gateway took over" : ""});
}

// A question whether somebody lives: ARP, ND or echo request.
bool IsQuestion(const Frame& frame, int family) {
  const bool announces = frame.arp && frame.arp->sender == frame.arp->target;
  if (family == AF_INET) {
    return (frame.IsArp(1) && !announces) ||
           (frame.icmp && frame.ip->source.IsV4() && frame.icmp->type == 8);
  }
  return frame.IsSolicitation() ||
         (frame.icmp && frame.ip->source.IsV6() && frame.icmp->type == 128);
}

// GW-4, of an idle host: nobody asks a gateway whether it lives.
SH_CONFORMANCE(GW4_AnIdleHostAsksNoGateway, Places(kAll)) {
  JudgeFresh([](Host& host, int family) -> Violation {
    std::vector<std::unique_ptr<Capture>> ports;
    for (int nic = 0; nic < host.nic_count(); ++nic) {
      auto watch = host.Watch(nic);
      if (!watch.ok()) {
        return watch.status().ToString();
      }
      ports.push_back(*std::move(watch));
    }
    for (const auto& port : ports) {
      const auto probe = port->AwaitFrame(
          [family](const CapturedFrame& frame) { return IsQuestion(frame.Parse(), family); },
          absl::Seconds(1));
      if (probe.ok()) {
        return probe->Parse().ToString();
      }
    }
    return "";
  });
}

// About a packet to far; sent by a client, which can send what a gateway could.
struct FarRedirect {
  int client = 0;   // who sends it
  int nic = 0;      // the NIC that it comes in on
  IpAddress from;   // who claims to be the first hop
  IpAddress to;     // whom it tells
  IpAddress about;  // source of the packet
  IpAddress new_gateway;
  MacAddress new_mac;
};

Bytes FrameOf(const FarRedirect& redirect) {
  const IpAddress far = LabPlan::FarAddress(redirect.about.family());
  const Ethernet link{LabPlan::NicMac(redirect.nic), LabPlan::ClientMac(redirect.client)};
  if (far.IsV4()) {
    return RedirectFrame({.link = link,
                          .from = redirect.from,
                          .to = redirect.to,
                          .source = redirect.about,
                          .destination = far,
                          .gateway = redirect.new_gateway});
  }
  Bytes body(redirect.new_gateway.data(), redirect.new_gateway.data() + 16);
  body.insert(body.end(), far.data(), far.data() + 16);
  body.insert(body.end(), {2, 1});  // target link-layer address
  body.insert(body.end(), redirect.new_mac.bytes.begin(), redirect.new_mac.bytes.end());
  return BuildFrame({link,
                     Ipv6{.source = redirect.from, .destination = redirect.to, .hop_limit = 255},
                     Icmp6{.type = 137}, Payload{body}});
}

// The first hop of the packets that the redirect is about, once the host has got it.
absl::StatusOr<MacAddress> FirstHopAfter(Host& host, const FarRedirect& redirect) {
  ASSIGN_OR_RETURN(RawSender sender,
                   RawSender::Open(host.lab().client(redirect.client), LabPlan::kClientNic));
  RETURN_IF_ERROR(sender.Send(FrameOf(redirect)));
  return FirstHop(host, redirect.about, 0);
}

// "" if that is the first address's gateway.
Violation OtherHop(const absl::StatusOr<MacAddress>& hop) {
  if (!hop.ok()) {
    return hop.status().ToString();
  }
  return *hop == Host::GatewayMac(0) ? "" : absl::StrCat("leaves through ", hop->ToString());
}

// From somebody else than the first hop, or on another NIC than that of the address, it is ignored,
// whichever address it is sent to there; from the first hop on that NIC it is followed.
SH_CONFORMANCE(GW10_RedirectsCountFromTheFirstHopOnItsNicAlone, Places(kAll)) {
  JudgeFresh(
      [](Host& host, int family) -> Violation {
        const IpAddress about = host.Address(0, family);
        const FarRedirect good{.from = host.Gateway(0, family),
                               .to = about,
                               .about = about,
                               .new_gateway = host.Gateway(Host::kSecondGateway, family),
                               .new_mac = Host::GatewayMac(Host::kSecondGateway)};
        // Linux follows an IPv4 redirect only to a neighbour that it knows.
        if (family == AF_INET) {
          const auto known = Ping(host.lab().server(), good.new_gateway, {.source = about});
          if (!known.ok()) {
            return known.status().ToString();
          }
        }
        if (const Violation other = OtherHop(FirstHop(host, about, 0)); !other.empty()) {
          return absl::StrCat("from the start: ", other);
        }
        FarRedirect bad = good;
        bad.from = family == AF_INET ? host.Neighbour(0, family).address
                                     : LabPlan::LinkLocal(LabPlan::ClientMac(0));
        if (const Violation other = OtherHop(FirstHopAfter(host, bad)); !other.empty()) {
          return absl::StrCat("told by somebody who is not the first hop: ", other);
        }
        if (host.HasTwoNics()) {
          bad = good;
          bad.nic = 1;
          bad.client = host.topology() == Topology::kC ? 1 : 0;
          for (const int which : {0, 1}) {
            bad.to = host.Address(which, family);
            if (const Violation other = OtherHop(FirstHopAfter(host, bad)); !other.empty()) {
              return absl::StrCat("told ", bad.to.ToString(), " on the wrong NIC: ", other);
            }
          }
        }
        const auto hop = FirstHopAfter(host, good);
        return hop.ok() && *hop == Host::GatewayMac(Host::kSecondGateway)
                   ? ""
                   : "does not follow a good one";
      },
      // IPv4 looks at the gateway's address and not at the NIC.
      {.plain = In({Topology::kB2, Topology::kC}) && family() == AF_INET
                    ? "on the wrong NIC: leaves through"
                    : ""});
}

// Plain Linux follows one to a gateway of another network where `shared_media` is 1, its default.
SH_CONFORMANCE(GW10_RedirectsBeyondTheNetworkAreIgnored, Places(kAll, {AF_INET})) {
  JudgeFresh(
      [](Host& host, int family) -> Violation {
        const IpAddress about = host.Address(0, family);
        std::vector<FarRedirect> beyond = {{.from = host.Gateway(0, family),
                                            .to = about,
                                            .about = about,
                                            .new_gateway = *IpAddress::Parse("203.0.113.99")}};
        EXPECT_OK(host.lab().client().IpBatch("addr add 203.0.113.99/32 dev eth0\n"));
        if (host.topology() == Topology::kA) {  // the other logical network of the NIC
          beyond.push_back(beyond[0]);
          beyond[1].new_gateway = host.Gateway(1, family);
        }
        (void)FirstHop(host, about, 0);
        for (const FarRedirect& redirect : beyond) {
          for (int i = 0; i < 2; ++i) {  // the first makes the kernel ask for its MAC
            if (const Violation other = OtherHop(FirstHopAfter(host, redirect)); !other.empty()) {
              return absl::StrCat("told of ", redirect.new_gateway.ToString(), ": ", other);
            }
          }
        }
        return "";
      },
      {.plain = "told of 203.0.113.99: leaves through"});
}

}  // namespace
}  // namespace stronghost::lab
