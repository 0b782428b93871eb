// Reports as people read them. Pure: the same report, options and time give the same text.
#pragma once

#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "agent/serve/report.h"

namespace stronghost {

struct ViewOptions {
  bool color = false;
  bool all = false;  // every address, however many a home has
  absl::Time now;    // ages count to here
};

// A home with more addresses than this has them summed up, unless `all` is asked for.
constexpr size_t kManyAddresses = 20;

std::string StatusView(const StatusReport& report, const ViewOptions& options);
std::string ExplainView(const ExplainReport& report, const ViewOptions& options);

}  // namespace stronghost
