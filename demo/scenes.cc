#include "demo/scenes.h"

#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>
#include <set>

#include "absl/time/clock.h"
#include "agent/base/status.h"
#include "tests/lib/agent.h"
#include "tests/lib/arp_probe.h"
#include "tests/lib/capture.h"
#include "tests/lib/lab.h"
#include "tests/lib/stream.h"
#include "tests/lib/tcp_session.h"

namespace stronghost::demo {
namespace {

using namespace lab;  // NOLINT: the demo is made of the lab

constexpr int kArpRequests = 100;
constexpr double kRate = 1000;
constexpr int64_t kBucketMs = 100;
// The time line: quiet, cable out, cable back in.
constexpr absl::Duration kBefore = absl::Milliseconds(1500);
constexpr absl::Duration kOut = absl::Seconds(5);
constexpr absl::Duration kAfter = absl::Milliseconds(4500);

absl::StatusOr<Agent> StartAgent(Lab& lab) {
  return Agent::Start(lab.server(),
                      {.groups = GroupToml({"eth0", "eth1"},
                                           "failback = \"2s\"\ngateways = "
                                           "[\"198.51.100.254\", \"2001:db8::fe\"]")});
}

absl::Status CountArp(Lab& lab, Figures& figures) {
  ASSIGN_OR_RETURN(ArpProbe probe, ArpProbe::Open(lab));
  for (int nic = 0; nic < 2; ++nic) {
    ASSIGN_OR_RETURN(const AnswerCounts counts,
                     probe.AskMany(lab.plan().NicAddress(nic, AF_INET), kArpRequests));
    std::set<MacAddress> macs;
    for (const auto& [answer, count] : counts.answers) {
      figures.arp_answers += count;
      macs.insert(answer.mac);
    }
    figures.arp_requests += counts.asked;
    figures.arp_macs = std::max(figures.arp_macs, static_cast<int>(macs.size()));
  }
  return absl::OkStatus();
}

// Packets from eth1's address that leave by eth0.
absl::Status CountWrongNic(Lab& lab, Figures& figures) {
  const IpAddress source = lab.plan().NicAddress(1, AF_INET);
  ASSIGN_OR_RETURN(auto capture, Capture::Start(lab.switch_netns(), LabPlan::Port(0),
                                                {.direction = CaptureOptions::Direction::kIncoming,
                                                 .filter = [source](const CapturedFrame& frame) {
                                                   const Frame parsed = frame.Parse();
                                                   return parsed.ip && parsed.ip->source == source;
                                                 }}));
  ASSIGN_OR_RETURN(Stream stream,
                   Stream::Start(lab.server(), lab.client(),
                                 {.destination = lab.plan().ClientAddress(0, AF_INET),
                                  .rate = kRate,
                                  .max_packets = 1000,
                                  .source = source}));
  RETURN_IF_ERROR(stream.receiver().AwaitCount(1000, absl::Seconds(10)));
  figures.packets = stream.Finish().sent;
  capture->Stop();
  figures.wrong_nic = capture->Frames().size();
  return absl::OkStatus();
}

Row ToRow(const std::string& name, const StreamResult& result) {
  Row row{.name = name,
          .sent = result.sent,
          .lost = result.lost,
          .gap_ms = static_cast<double>(result.longest_gap_ns) / 1e6};
  const double expected = kRate * kBucketMs / 1000;
  for (const uint32_t arrived : result.timeline) {
    row.share.push_back(std::min(1.0, arrived / expected));
  }
  row.alive = !row.share.empty() && row.share.back() > 0;
  return row;
}

struct Traffic {
  std::vector<std::string> names;
  std::vector<Stream> streams;
  std::unique_ptr<TcpSession> tcp;
};

absl::StatusOr<Traffic> StartTraffic(Lab& lab) {
  Traffic traffic;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const bool out : {true, false}) {
      StreamOptions options{.destination = out ? lab.plan().ClientAddress(0, family)
                                               : lab.plan().NicAddress(0, family),
                            .rate = kRate};
      if (out) {
        options.source = lab.plan().NicAddress(0, family);
      }
      ASSIGN_OR_RETURN(Stream stream, Stream::Start(out ? lab.server() : lab.client(),
                                                    out ? lab.client() : lab.server(), options));
      traffic.names.push_back(std::string(family == AF_INET ? "IPv4 " : "IPv6 ") +
                              (out ? "from the server" : "to the server"));
      traffic.streams.push_back(std::move(stream));
    }
  }
  ASSIGN_OR_RETURN(traffic.tcp,
                   TcpSession::Start(lab.client(), lab.server(),
                                     {.destination = lab.plan().NicAddress(0, AF_INET)}));
  return traffic;
}

absl::Status PullCable(Lab& lab, const Agent* agent, Figures& figures) {
  ASSIGN_OR_RETURN(Traffic traffic, StartTraffic(lab));
  const absl::Time start = absl::Now();
  absl::SleepFor(kBefore);
  RETURN_IF_ERROR(lab.PullCable(0).status());
  figures.pulled_s = absl::ToDoubleSeconds(absl::Now() - start);
  absl::SleepFor(kOut);
  if (agent != nullptr) {
    ASSIGN_OR_RETURN(const ExecResult status, agent->Command({"status"}));
    figures.status = status.output;
    ASSIGN_OR_RETURN(figures.homes, lab.server().Check({"bpftool", "map", "lookup", "pinned",
                                                        agent->pin_dir() + "/sh_homes", "key", "1",
                                                        "0", "0", "0"}));
  }
  RETURN_IF_ERROR(lab.PlugCable(0).status());
  figures.plugged_s = absl::ToDoubleSeconds(absl::Now() - start);
  absl::SleepFor(kAfter);
  for (size_t i = 0; i < traffic.streams.size(); ++i) {
    figures.rows.push_back(ToRow(traffic.names[i], traffic.streams[i].Finish()));
  }
  const TcpResult tcp = traffic.tcp->Finish(absl::Seconds(1));
  Row row{.name = "TCP session", .alive = tcp.alive};
  row.gap_ms = static_cast<double>(
                   std::max(tcp.to_client.longest_stall_ns, tcp.to_server.longest_stall_ns)) /
               1e6;
  figures.rows.push_back(row);
  figures.bucket_s = kBucketMs / 1000.0;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Figures> Measure(bool with_agent) {
  ASSIGN_OR_RETURN(const auto lab, Lab::Create());
  std::optional<Agent> agent;
  if (with_agent) {
    ASSIGN_OR_RETURN(Agent started, StartAgent(*lab));
    agent.emplace(std::move(started));
  }
  Figures figures;
  RETURN_IF_ERROR(CountArp(*lab, figures));
  RETURN_IF_ERROR(CountWrongNic(*lab, figures));
  RETURN_IF_ERROR(PullCable(*lab, agent ? &*agent : nullptr, figures));
  return figures;
}

absl::Status KeepLab() {
  ASSIGN_OR_RETURN(const auto lab, Lab::Create());
  ASSIGN_OR_RETURN(const Agent agent, StartAgent(*lab));
  const std::string server = "nsenter --net=/run/netns/" + lab->server().name();
  std::printf(
      "The lab is up until you press Enter. Try in another terminal:\n\n"
      "  %s %s --socket %s status\n"
      "  %s bpftool map dump pinned %s/sh_homes\n"
      "  ip -n %s link set p0 down      # pull the cable of eth0; `up` plugs it again\n"
      "  nsenter --net=/run/netns/%s ping -i 0.01 198.51.100.1\n\n",
      server.c_str(), ProgramPath("stronghost").c_str(), agent.socket_path().c_str(),
      server.c_str(), agent.pin_dir().c_str(), lab->switch_netns().name().c_str(),
      lab->client().name().c_str());
  std::fflush(stdout);
  // Ctrl-C ends the wait as Enter does, so that everything is removed.
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::getchar();
  return absl::OkStatus();
}

}  // namespace stronghost::demo
