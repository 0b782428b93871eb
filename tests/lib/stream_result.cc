#include "tests/lib/stream_result.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace stronghost::lab {
namespace {

void FindLossSpans(const std::vector<int64_t>& sent_ns, const std::vector<bool>& arrived,
                   StreamResult& result) {
  for (uint64_t sequence = 0; sequence < arrived.size(); ++sequence) {
    if (arrived[sequence]) {
      continue;
    }
    if (!result.loss_spans.empty() && result.loss_spans.back().last + 1 == sequence) {
      result.loss_spans.back().last = sequence;
      result.loss_spans.back().last_sent_ns = sent_ns[sequence];
    } else {
      result.loss_spans.push_back({sequence, sequence, sent_ns[sequence], sent_ns[sequence]});
    }
  }
}

void FindOutage(const std::vector<int64_t>& sent_ns, StreamResult& result) {
  for (const LossSpan& span : result.loss_spans) {
    const uint64_t behind = std::min<uint64_t>(span.last + 1, sent_ns.size() - 1);
    result.longest_outage_ns =
        std::max(result.longest_outage_ns, sent_ns[behind] - span.first_sent_ns);
  }
  for (size_t i = 1; i < sent_ns.size(); ++i) {
    result.longest_send_gap_ns = std::max(result.longest_send_gap_ns, sent_ns[i] - sent_ns[i - 1]);
  }
}

void FindLongestGap(const std::vector<int64_t>& sent_ns, const std::vector<Arrival>& arrivals,
                    StreamResult& result) {
  int64_t previous = sent_ns.front();
  const auto extend_to = [&](int64_t now) {
    if (now - previous > result.longest_gap_ns) {
      result.longest_gap_ns = now - previous;
      result.longest_gap_begin_ns = previous;
    }
    previous = std::max(previous, now);
  };
  for (const Arrival& arrival : arrivals) {
    extend_to(arrival.arrived_ns);
  }
  extend_to(sent_ns.back());
}

}  // namespace

StreamResult Summarise(const std::vector<int64_t>& sent_ns, const std::vector<Arrival>& arrivals,
                       absl::Duration bucket) {
  StreamResult result;
  result.sent = sent_ns.size();
  if (sent_ns.empty()) {
    return result;
  }
  std::vector<bool> arrived(sent_ns.size(), false);
  const int64_t bucket_ns = std::max<int64_t>(1, absl::ToInt64Nanoseconds(bucket));
  uint64_t highest = 0;
  for (const Arrival& arrival : arrivals) {
    if (arrival.sequence >= sent_ns.size()) {
      continue;  // not of this stream
    }
    if (arrived[arrival.sequence]) {
      ++result.duplicates;
    } else {
      arrived[arrival.sequence] = true;
      ++result.received;
    }
    if (arrival.sequence < highest) {
      ++result.reordered;
    }
    highest = std::max(highest, arrival.sequence);
    result.longest_delay_ns =
        std::max(result.longest_delay_ns, arrival.arrived_ns - arrival.sent_ns);
    ++result.arrivals_by_interface[arrival.interface];
    ++result.arrivals_by_source[arrival.source];
    const auto slot =
        static_cast<size_t>(std::max<int64_t>(0, arrival.arrived_ns - sent_ns.front()) / bucket_ns);
    result.timeline.resize(std::max(result.timeline.size(), slot + 1));
    ++result.timeline[slot];
  }
  result.lost = result.sent - result.received;
  FindLossSpans(sent_ns, arrived, result);
  FindOutage(sent_ns, result);
  FindLongestGap(sent_ns, arrivals, result);
  return result;
}

std::string StreamResult::ToString() const {
  std::string text = absl::StrFormat(
      "sent %d (refused %d, errno %d) received %d lost %d duplicates %d reordered %d\n"
      "longest gap %.3f ms, longest delay %.3f ms\n",
      sent, send_errors, last_send_error, received, lost, duplicates, reordered,
      static_cast<double>(longest_gap_ns) / 1e6, static_cast<double>(longest_delay_ns) / 1e6);
  for (const LossSpan& span : loss_spans) {
    absl::StrAppend(&text, "lost ", span.first, " to ", span.last, "\n");
  }
  for (const auto& [interface, count] : arrivals_by_interface) {
    absl::StrAppend(&text, "on interface ", interface, ": ", count, "\n");
  }
  return absl::StrCat(text, "timeline ", absl::StrJoin(timeline, " "));
}

}  // namespace stronghost::lab
