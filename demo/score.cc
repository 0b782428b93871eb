#include "demo/score.h"

#include <algorithm>

namespace stronghost::demo {

void StreamScore::Add(const lab::StreamResult& result, int64_t plugged_ns) {
  sent += result.sent;
  lost += result.lost;
  longest_gap_ns = std::max(longest_gap_ns, result.longest_gap_ns);
  for (const lab::LossSpan& span : result.loss_spans) {
    if (span.last_sent_ns <= plugged_ns) {
      continue;
    }
    const uint64_t count = span.last - span.first + 1;
    if (span.first_sent_ns >= plugged_ns || count == 1) {
      lost_after += count;
      continue;
    }
    // Packets of a span are sent at a fixed rate.
    const auto whole = static_cast<double>(span.last_sent_ns - span.first_sent_ns);
    const auto after = static_cast<double>(span.last_sent_ns - plugged_ns);
    lost_after += static_cast<uint64_t>(after / whole * static_cast<double>(count - 1)) + 1;
  }
}

}  // namespace stronghost::demo
