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
SH_CONFORMANCE(GW2_AndGW6_AndGW8_AnotherGatewayTakesOver, Places({Topology::kB1, Topology::kC})) {
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

// GW-4, of an idle host: nobody asks a gateway whether it lives.
SH_CONFORMANCE(GW4_AnIdleHostAsksNoGateway, Places(kAll, {AF_INET})) {
  JudgeFresh([](Host& host, int /*family*/) -> Violation {
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
          [](const CapturedFrame& frame) {
            const Frame parsed = frame.Parse();
            const bool announces = parsed.arp && parsed.arp->sender == parsed.arp->target;
            return (parsed.IsArp(1) && !announces) || parsed.IsSolicitation() ||
                   (parsed.icmp && (parsed.icmp->type == 8 || parsed.icmp->type == 128));
          },
          absl::Seconds(1));
      if (probe.ok()) {
        return probe->Parse().ToString();
      }
    }
    return "";
  });
}

struct Redirect {
  MacAddress to_mac;  // of the NIC that it comes in on
  IpAddress from;     // who claims to be the first hop
  MacAddress from_mac;
  IpAddress about;  // source of the packet that is redirected, to far
  IpAddress new_gateway;
  MacAddress new_mac;
};

Bytes RedirectFrame(const Redirect& redirect) {
  const IpAddress far = LabPlan::FarAddress(redirect.about.family());
  const Ethernet link{redirect.to_mac, redirect.from_mac};
  if (far.IsV4()) {
    uint32_t gateway = 0;
    for (int i = 0; i < 4; ++i) {
      gateway = gateway << 8U | redirect.new_gateway.data()[i];
    }
    // Behind the ICMP header the packet that it is about; of ICMP, Linux cares for echo replies.
    Bytes inner = BuildFrame({Ethernet{}, Ipv4{.source = redirect.about, .destination = far},
                              Icmp{.type = 0, .rest = 1}});
    inner.erase(inner.begin(), inner.begin() + 14);
    return BuildFrame({link, Ipv4{.source = redirect.from, .destination = redirect.about},
                       Icmp{.type = 5, .code = 1, .rest = gateway}, Payload{inner}});
  }
  Bytes body(redirect.new_gateway.data(), redirect.new_gateway.data() + 16);
  body.insert(body.end(), far.data(), far.data() + 16);
  body.insert(body.end(), {2, 1});  // target link-layer address
  body.insert(body.end(), redirect.new_mac.bytes.begin(), redirect.new_mac.bytes.end());
  return BuildFrame({link,
                     Ipv6{.source = redirect.from, .destination = redirect.about, .hop_limit = 255},
                     Icmp6{.type = 137}, Payload{body}});
}

// Sent by the segment's first client; what the gateway itself could send, it can as well.
void Send(Host& host, const Redirect& redirect, int segment_client) {
  auto sender = RawSender::Open(host.lab().client(segment_client), LabPlan::kClientNic);
  ASSERT_OK(sender);
  ASSERT_OK(sender->Send(RedirectFrame(redirect)));
}

// From somebody else than the first hop, or on another NIC than that of the address, it is ignored;
// from the first hop on that NIC it is followed.
SH_CONFORMANCE(GW10_RedirectsCountFromTheFirstHopOnItsNicAlone, Places(kAll)) {
  JudgeFresh(
      [](Host& host, int family) -> Violation {
        const IpAddress about = host.Address(0, family);
        const int second_client = host.topology() == Topology::kC ? 1 : 0;
        const IpAddress stranger = family == AF_INET ? host.Neighbour(0, family).address
                                                     : LabPlan::LinkLocal(LabPlan::ClientMac(0));
        const Redirect good{.to_mac = LabPlan::NicMac(0),
                            .from = host.Gateway(0, family),
                            .from_mac = LabPlan::ClientMac(0),
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
        const auto before = FirstHop(host, about, 0);
        if (!before.ok() || *before != Host::GatewayMac(0)) {
          return "another first hop from the start";
        }
        Redirect from_stranger = good;
        from_stranger.from = stranger;
        Send(host, from_stranger, 0);
        if (const auto hop = FirstHop(host, about, 0); !hop.ok() || *hop != Host::GatewayMac(0)) {
          return "follows somebody who is not the first hop";
        }
        if (host.HasTwoNics()) {
          Redirect on_wrong_nic = good;
          on_wrong_nic.to_mac = LabPlan::NicMac(1);
          on_wrong_nic.from_mac = LabPlan::ClientMac(second_client);
          Send(host, on_wrong_nic, second_client);
          if (const auto hop = FirstHop(host, about, 0); !hop.ok() || *hop != Host::GatewayMac(0)) {
            return "follows one that came in on the wrong NIC";
          }
        }
        Send(host, good, 0);
        const auto hop = FirstHop(host, about, 0);
        return hop.ok() && *hop == Host::GatewayMac(Host::kSecondGateway)
                   ? ""
                   : "does not follow a good one";
      },
      // IPv4 looks at the gateway's address and not at the NIC.
      {.plain =
           In({Topology::kB2, Topology::kC}) && family() == AF_INET ? "on the wrong NIC" : ""});
}

// Linux follows one to a gateway of another network where `shared_media` is 1, its default; for any
// NIC at once, so the agent cannot set that for the members alone.
SH_CONFORMANCE(GW10_RedirectsBeyondTheNetworkAreIgnored, Places(kAll, {AF_INET})) {
  JudgeFresh(
      [](Host& host, int family) -> Violation {
        const IpAddress elsewhere = *IpAddress::Parse("203.0.113.99");
        EXPECT_OK(host.lab().client().IpBatch("addr add 203.0.113.99/32 dev eth0\n"));
        const Redirect beyond{.to_mac = LabPlan::NicMac(0),
                              .from = host.Gateway(0, family),
                              .from_mac = LabPlan::ClientMac(0),
                              .about = host.Address(0, family),
                              .new_gateway = elsewhere,
                              .new_mac = LabPlan::ClientMac(0)};
        (void)FirstHop(host, beyond.about, 0);
        for (int i = 0; i < 2; ++i) {  // the first makes the kernel ask for its MAC
          Send(host, beyond, 0);
          const auto hop = FirstHop(host, beyond.about, 0);
          if (!hop.ok() || *hop != Host::GatewayMac(0)) {
            return "follows one to another network";
          }
        }
        return "";
      },
      {.plain = "to another network", .with_stronghost = "to another network"});
}

}  // namespace
}  // namespace stronghost::lab
