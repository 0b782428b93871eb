// From measured values to the few numbers that stand in a table. Pure.
#pragma once

#include <string>
#include <vector>

namespace stronghost::bench {

// The value below which `share` (0 to 1) of the values lie, interpolated between neighbours. NaN
// when there are none.
double Quantile(std::vector<double> values, double share);

// What a series of rounds says.
struct Summary {
  double lower = 0;  // first quartile
  double median = 0;
  double upper = 0;  // third quartile
};
Summary Summarise(const std::vector<double>& values);

// a[i] / b[i]: rounds that ran next to each other, so that what disturbs both cancels out. As long
// as the shorter one.
std::vector<double> Ratios(const std::vector<double>& a, const std::vector<double>& b);
// a[i] - b[i], likewise.
std::vector<double> Differences(const std::vector<double>& a, const std::vector<double>& b);

// "median [first quartile .. third quartile]" with this many decimals: "12.3 [11.9 .. 12.8]".
std::string WithQuartiles(const std::vector<double>& values, int decimals);

}  // namespace stronghost::bench
