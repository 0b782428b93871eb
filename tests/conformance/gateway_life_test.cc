// Whether gateways live: who is asked when, and what becomes of a session whose gateway is dead.
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "tests/conformance/conformance.h"
#include "tests/lib/ping.h"
#include "tests/lib/stream.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::lab {
namespace {

// Longer than it takes to suspect a silent gateway. Shorter than a neighbour is believed (RFC 4861
// section 6.3.2: 15 s at the least), and than the kernel waits before it asks back whoever asked it
// (section 10, DELAY_FIRST_PROBE_TIME: 5 s).
constexpr absl::Duration kWhile = absl::Seconds(4);

// A question of the host for one of its neighbours.
bool IsQuestion(const Frame& frame) {
  const bool announces = frame.arp && frame.arp->sender == frame.arp->target;
  return (frame.IsArp(1) && !announces) || frame.IsSolicitation();
}

// A stream from the first address to far, and with `both` one back.
absl::Status Send(Host& host, int family, bool both, std::vector<Stream>& streams) {
  auto out = Stream::Start(
      host.lab().server(), host.lab().far(),
      {.destination = LabPlan::FarAddress(family), .rate = 100, .source = host.Address(0, family)});
  if (!out.ok()) {
    return out.status();
  }
  streams.push_back(*std::move(out));
  if (both) {
    auto back = Stream::Start(host.lab().far(), host.lab().server(),
                              {.destination = host.Address(0, family), .rate = 100});
    if (!back.ok()) {
      return back.status();
    }
    streams.push_back(*std::move(back));
  }
  return streams.front().AwaitReceived(20, absl::Seconds(5));
}

// What the host, which knows its gateway, asks within kWhile while it sends; "" if nothing.
absl::StatusOr<std::string> Asked(Host& host, int family, bool both) {
  std::vector<Stream> streams;
  absl::Status status = Ping(host.lab().server(), LabPlan::FarAddress(family),
                             {.timeout = absl::Seconds(5), .source = host.Address(0, family)})
                            .status();
  if (status.ok()) {
    status = Send(host, family, both, streams);
  }
  auto watch = host.Watch(0);
  if (!status.ok() || !watch.ok()) {
    return status.ok() ? watch.status() : status;
  }
  const auto question = (*watch)->AwaitFrame(
      [](const CapturedFrame& frame) { return IsQuestion(frame.Parse()); }, kWhile);
  return question.ok() ? question->Parse().ToString() : "";
}

// GW-3: plain Linux believes a gateway for longer (15 to 45 s and then some), which is allowed.
SH_CONFORMANCE(GW3_AGatewayThatIsNotHeardIsAsked, Places(kAll)) {
  JudgeFresh(
      [](Host& host, int family) -> Violation {
        const auto asked = Asked(host, family, /*both=*/false);
        if (!asked.ok()) {
          return asked.status().ToString();
        }
        return asked->empty() ? "nobody was asked" : "";
      },
      {.plain = "nobody was asked"});
}

SH_CONFORMANCE(GW5_TrafficBothWaysIsSignEnough, Places(kAll)) {
  JudgeFresh([](Host& host, int family) -> Violation {
    const auto asked = Asked(host, family, /*both=*/true);
    return asked.ok() ? *asked : asked.status().ToString();
  });
}

// GW-7: the gateway answers no request any more, and the host has forgotten its MAC. Plain Linux
// does as in GW-2.
SH_CONFORMANCE(GW7_ASessionOutlivesItsGateway, Places(kAll)) {
  JudgeFresh(
      [](Host& host, int family) -> Violation {
        auto session = TcpSession::Start(
            host.lab().server(), host.lab().far(),
            {.destination = LabPlan::FarAddress(family), .source = host.Address(0, family)});
        if (!session.ok() || !(*session)->AwaitProgress(20'000, absl::Seconds(5)).ok()) {
          return absl::StrCat("no session: ", session.status().ToString());
        }
        EXPECT_OK(host.lab().gateway().IpBatch(
            absl::StrCat("addr del ", host.Gateway(0, family).ToString(),
                         family == AF_INET ? "/24" : "/64", " dev eth0\n")));
        EXPECT_OK(host.lab().server().Check({"ip", "neigh", "flush", "all"}));
        return (*session)->AwaitProgress(1'000'000, absl::Seconds(15)).ok() ? "" : "it stood still";
      },
      {.plain = In({Topology::kC}) || family() == AF_INET ? "it stood still" : ""});
}

}  // namespace
}  // namespace stronghost::lab
