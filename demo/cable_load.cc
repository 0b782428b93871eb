#include "demo/cable_load.h"

#include <sys/socket.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "demo/report.h"
#include "tests/lib/await.h"

namespace stronghost::demo {
namespace {

constexpr double kRate = 1000;  // packets a second, each stream
constexpr int kNic = 0;
constexpr absl::Duration kFlows = absl::Seconds(10);  // until everything flows

}  // namespace

absl::StatusOr<CableLoad> CableLoad::Start(Stage& stage) {
  CableLoad load;
  // The server speaks first: so the client knows eth0's MAC, not that of another NIC which answers
  // for the address as well.
  RETURN_IF_ERROR(load.StartStreams(stage, /*to_server=*/false));
  for (NamedStream& named : load.streams_) {
    RETURN_IF_ERROR(named.stream.AwaitReceived(1, kFlows));
  }
  RETURN_IF_ERROR(load.StartStreams(stage, /*to_server=*/true));
  RETURN_IF_ERROR(load.StartSessions(stage));
  for (NamedStream& named : load.streams_) {
    RETURN_IF_ERROR(Annotate(named.stream.AwaitReceived(100, kFlows), named.label));
  }
  load.start_ns_ = lab::MonotonicNow();
  for (NamedSession& named : load.sessions_) {
    RETURN_IF_ERROR(Annotate(named.session->AwaitProgress(1024, kFlows), named.label));
    named.watch = std::make_unique<SilenceWatch>(*named.session, load.start_ns_);
  }
  return load;
}

absl::Status CableLoad::StartStreams(Stage& stage, bool to_server) {
  for (const int family : {AF_INET, AF_INET6}) {
    const IpAddress server = stage.plan().NicAddress(kNic, family);
    const IpAddress client = stage.plan().ClientAddress(0, family);
    const lab::NetNs& from = to_server ? stage.lab().client() : stage.lab().server();
    const lab::NetNs& to = to_server ? stage.lab().server() : stage.lab().client();
    ASSIGN_OR_RETURN(lab::Stream stream,
                     lab::Stream::Start(from, to,
                                        {.destination = to_server ? server : client,
                                         .rate = kRate,
                                         .source = to_server ? client : server}));
    streams_.push_back({.label = absl::StrCat(family == AF_INET ? "IPv4" : "IPv6",
                                              to_server ? " to server" : " to client"),
                        .family = family,
                        .stream = std::move(stream)});
  }
  return absl::OkStatus();
}

absl::Status CableLoad::StartSessions(Stage& stage) {
  const absl::Duration interval = absl::Milliseconds(5);
  ASSIGN_OR_RETURN(auto by_client,
                   lab::TcpSession::Start(stage.lab().client(), stage.lab().server(),
                                          {.destination = stage.plan().NicAddress(kNic, AF_INET),
                                           .interval = interval}));
  sessions_.push_back({.label = "TCP by client", .session = std::move(by_client)});
  ASSIGN_OR_RETURN(auto by_server,
                   lab::TcpSession::Start(stage.lab().server(), stage.lab().client(),
                                          {.destination = stage.plan().ClientAddress(0, AF_INET6),
                                           .source = stage.plan().NicAddress(kNic, AF_INET6),
                                           .interval = interval}));
  sessions_.push_back({.label = "TCP by server", .session = std::move(by_server)});
  return absl::OkStatus();
}

int CableLoad::MovingSessions(absl::Duration window) const {
  const int64_t since = lab::MonotonicNow() - absl::ToInt64Nanoseconds(window);
  return static_cast<int>(std::count_if(
      sessions_.begin(), sessions_.end(),
      [since](const NamedSession& named) { return named.watch->LastArrival() > since; }));
}

CableScore CableLoad::Finish(int64_t plugged_ns) {
  CableScore score;
  for (NamedSession& named : sessions_) {
    FinishSession(named, score);
  }
  for (NamedStream& named : streams_) {
    FinishStream(named, plugged_ns, score);
  }
  // As they are read: by family, inbound first, TCP last.
  std::stable_sort(
      score.picture.tracks.begin(), score.picture.tracks.end(),
      [](const Track& a, const Track& b) { return a.label.substr(0, 4) < b.label.substr(0, 4); });
  return score;
}

void CableLoad::FinishStream(NamedStream& named, int64_t plugged_ns, CableScore& score) const {
  const lab::StreamResult result = named.stream.Finish(absl::Milliseconds(100));
  (named.family == AF_INET ? score.ipv4 : score.ipv6).Add(result, plugged_ns);
  score.picture.tracks.push_back(
      {.label = named.label,
       .note = absl::StrCat(Thousands(result.lost), " of ", Thousands(result.sent), " lost, gap ",
                            Milliseconds(result.longest_gap_ns)),
       .gaps = LossGaps(result, start_ns_, 1 / kRate)});
}

void CableLoad::FinishSession(NamedSession& named, CableScore& score) const {
  Track track{.label = named.label, .note = "", .gaps = named.watch->Stop()};
  const lab::TcpResult result = named.session->Finish();
  const int64_t silence =
      std::max(result.to_client.longest_stall_ns, result.to_server.longest_stall_ns);
  track.note = absl::StrCat(result.alive ? "alive" : "broken", ", gap ", Milliseconds(silence));
  score.picture.tracks.push_back(std::move(track));
  ++score.tcp.sessions;
  score.tcp.alive += result.alive ? 1 : 0;
  score.tcp.longest_silence_ns = std::max(score.tcp.longest_silence_ns, silence);
}

}  // namespace stronghost::demo
