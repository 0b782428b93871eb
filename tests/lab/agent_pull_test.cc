// G5, a pulled cable costs only what was on it: 1,000 packets/s each way, IPv4 and IPv6.
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>

#include "tests/lab/agent_fixture.h"

namespace stronghost::lab {
namespace {

constexpr int kPulls = 50;

// One direction of one family over all pulls.
struct Series {
  std::string name;
  std::vector<double> lost;       // packets a pull
  std::vector<double> outage_ms;  // longest span of lost packets, by the sender's clock
  std::vector<double> gap_ms;  // longest time between arrivals: the machine's own stalls included
};

// From the first to the last packet of the longest loss, and one interval.
double OutageMs(const StreamResult& result) {
  double longest = 0;
  for (const LossSpan& span : result.loss_spans) {
    longest =
        std::max(longest, static_cast<double>(span.last_sent_ns - span.first_sent_ns) / 1e6 + 1);
  }
  return longest;
}

double Percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
}

void Print(const std::string& mode, const Series& series) {
  std::printf(
      "[ figures ] %s %-9s lost median %.0f p90 %.0f max %.0f | outage ms median %.1f p90 %.1f "
      "max %.1f | arrival gap ms median %.1f\n",
      mode.c_str(), series.name.c_str(), Percentile(series.lost, 0.5), Percentile(series.lost, 0.9),
      Percentile(series.lost, 1), Percentile(series.outage_ms, 0.5),
      Percentile(series.outage_ms, 0.9), Percentile(series.outage_ms, 1),
      Percentile(series.gap_ms, 0.5));
}

class CablePull : public AgentLab, public ::testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(MacModes, CablePull, ::testing::Values("follow", "stay"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(CablePull, LosesAtMostOnePacketOfTheHostAndFiveMillisecondsOfThePeerInTheMedian) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam(), "50ms")));
  std::vector<Series> all = {{"out IPv4"}, {"out IPv6"}, {"in IPv4"}, {"in IPv6"}};
  for (int pull = 0; pull < kPulls; ++pull) {
    std::vector<Stream> streams;
    ASSERT_NO_FATAL_FAILURE(StartStreams(streams));
    ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
    // Nothing but the streams watches: on two cores a busy test would be the outage.
    ASSERT_OK(lab().PullCable(0));
    ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 150));
    for (size_t i = 0; i < streams.size(); ++i) {
      const StreamResult result = streams[i].Finish(absl::Milliseconds(100));
      all[i].lost.push_back(static_cast<double>(result.lost));
      all[i].outage_ms.push_back(OutageMs(result));
      all[i].gap_ms.push_back(static_cast<double>(result.longest_gap_ns) / 1e6);
    }
    ASSERT_OK(agent().AwaitWire(Address(0, AF_INET).ToString(), "eth1"));
    ASSERT_NO_FATAL_FAILURE(PlugAndAwait(0));
  }
  for (const Series& series : all) {
    Print(GetParam(), series);
    if (series.name.starts_with("out")) {
      EXPECT_LE(Percentile(series.lost, 0.5), 1) << series.name;
    } else {
      EXPECT_LE(Percentile(series.outage_ms, 0.5), 5) << series.name;
    }
  }
}

// Failback is planned: nothing is lost at all, either way.
TEST_P(CablePull, FailbackLosesNothing) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys(GetParam(), "200ms")));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartStreams(streams));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 100));
  ASSERT_NO_FATAL_FAILURE(PlugAndAwait(0));
  ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 1000));
  ExpectNoLoss(streams);
}

}  // namespace
}  // namespace stronghost::lab
