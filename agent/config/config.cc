#include "agent/config/config.h"

#include <algorithm>

namespace stronghost {

std::vector<std::string> GroupConfig::Members() const {
  std::vector<std::string> members = nics;
  for (const std::string& nic : standby) {
    if (std::find(members.begin(), members.end(), nic) == members.end()) {
      members.push_back(nic);
    }
  }
  return members;
}

bool GroupConfig::IsStandby(const std::string& nic) const {
  return std::find(standby.begin(), standby.end(), nic) != standby.end();
}

}  // namespace stronghost
