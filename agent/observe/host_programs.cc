#include "agent/observe/host_programs.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace stronghost {
namespace {

namespace fs = std::filesystem;

struct Manager {
  absl::string_view comm;  // as /proc/PID/comm cuts it off
  absl::string_view name;
};
constexpr std::array kManagers = {
    Manager{"systemd-network", "systemd-networkd"},
    Manager{"NetworkManager", "NetworkManager"},
    Manager{"dhclient", "dhclient"},
    Manager{"dhcpcd", "dhcpcd"},
    Manager{"udhcpc", "udhcpc"},
    Manager{"connmand", "connmand"},
};

std::string FirstLine(const std::string& path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

bool SameNetNs(const std::string& process, const struct stat& own) {
  struct stat theirs {};
  return stat(absl::StrCat(process, "/ns/net").c_str(), &theirs) == 0 &&
         theirs.st_dev == own.st_dev && theirs.st_ino == own.st_ino;
}

}  // namespace

std::vector<std::string> RunningManagers() {
  std::vector<std::string> running;
  struct stat own {};
  if (stat("/proc/thread-self/ns/net", &own) != 0) {
    return running;
  }
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::string process = it->path().string();
    const std::string number = it->path().filename().string();
    if (!std::all_of(number.begin(), number.end(),
                     [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); })) {
      continue;
    }
    const std::string comm = FirstLine(absl::StrCat(process, "/comm"));
    const auto* const manager =
        std::find_if(kManagers.begin(), kManagers.end(),
                     [&comm](const Manager& candidate) { return candidate.comm == comm; });
    if (manager != kManagers.end() && SameNetNs(process, own) &&
        std::find(running.begin(), running.end(), manager->name) == running.end()) {
      running.emplace_back(manager->name);
    }
  }
  std::sort(running.begin(), running.end());
  return running;
}

std::set<IfIndex> WirelessLinks(const Facts& facts) {
  std::set<IfIndex> wireless;
  for (const auto& [index, link] : facts.links) {
    const std::string folder = absl::StrCat("/sys/class/net/", link.name);
    uint32_t number = 0;
    std::error_code error;
    if (fs::exists(absl::StrCat(folder, "/phy80211"), error) &&
        absl::SimpleAtoi(FirstLine(absl::StrCat(folder, "/ifindex")), &number) &&
        number == ToInt(index)) {
      wireless.insert(index);
    }
  }
  return wireless;
}

}  // namespace stronghost
