#include "demo/track.h"

#include <algorithm>

namespace stronghost::demo {

double CoveredShare(const Track& track, double begin, double end) {
  double covered = 0;
  for (const Gap& gap : track.gaps) {
    covered += std::max(0.0, std::min(end, gap.end) - std::max(begin, gap.begin));
  }
  return end > begin ? std::min(1.0, covered / (end - begin)) : 0;
}

bool HasGap(const Track& track, double begin, double end) {
  return std::any_of(track.gaps.begin(), track.gaps.end(), [&](const Gap& gap) {
    return gap.begin < end && (gap.end > begin || gap.begin >= begin);
  });
}

std::vector<Gap> LossGaps(const lab::StreamResult& result, int64_t start_ns, double interval) {
  std::vector<Gap> gaps;
  for (const lab::LossSpan& span : result.loss_spans) {
    gaps.push_back({.begin = static_cast<double>(span.first_sent_ns - start_ns) / 1e9,
                    .end = static_cast<double>(span.last_sent_ns - start_ns) / 1e9 + interval,
                    .lost = span.last - span.first + 1});
  }
  return gaps;
}

}  // namespace stronghost::demo
