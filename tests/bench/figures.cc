#include "tests/bench/figures.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "absl/strings/str_format.h"

namespace stronghost::bench {
namespace {

std::vector<double> Pairwise(const std::vector<double>& a, const std::vector<double>& b,
                             const std::function<double(double, double)>& join) {
  std::vector<double> joined(std::min(a.size(), b.size()));
  for (size_t i = 0; i < joined.size(); ++i) {
    joined[i] = join(a[i], b[i]);
  }
  return joined;
}

}  // namespace

double Quantile(std::vector<double> values, double share) {
  if (values.empty()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  std::sort(values.begin(), values.end());
  const double place = std::clamp(share, 0.0, 1.0) * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - std::floor(place)) * (values[above] - values[below]);
}

Summary Summarise(const std::vector<double>& values) {
  return {Quantile(values, 0.25), Quantile(values, 0.5), Quantile(values, 0.75)};
}

std::vector<double> Ratios(const std::vector<double>& a, const std::vector<double>& b) {
  return Pairwise(a, b, [](double x, double y) { return x / y; });
}

std::vector<double> Differences(const std::vector<double>& a, const std::vector<double>& b) {
  return Pairwise(a, b, [](double x, double y) { return x - y; });
}

std::string WithQuartiles(const std::vector<double>& values, int decimals) {
  const Summary summary = Summarise(values);
  return absl::StrFormat("%.*f [%.*f .. %.*f]", decimals, summary.median, decimals, summary.lower,
                         decimals, summary.upper);
}

}  // namespace stronghost::bench
