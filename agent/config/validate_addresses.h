// The part of ValidateConfig() that looks at addresses, gateways and probe targets.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/config/config.h"
#include "agent/config/source_map.h"

namespace stronghost {

// Appends what is wrong with them, in all groups together.
void ValidateAddresses(const Config& config, const SourceMap& sources,
                       std::vector<ConfigProblem>* problems);

// What makes an address useless as a host's own or a neighbour's ("a multicast address"); "" if
// nothing does.
absl::string_view Unusable(const IpAddress& ip);

// What is wrong with the home of an entry of `group`, and the mend; "" if nothing is. `what` the
// entry is: "address".
std::string HomeFault(const GroupConfig& group, absl::string_view what, const std::string& home);

}  // namespace stronghost
