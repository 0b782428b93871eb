#include "tests/lib/kernel_defaults.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/base/unique_fd.h"

namespace stronghost::lab {
namespace {

struct Setting {
  const char* name;
  const char* value;
};

// Kernel defaults: net/ipv4/devinet.c. "forwarding" comes first: writing it changes
// accept_redirects.
constexpr Setting kIpv4Conf[] = {
    {"forwarding", "0"},
    {"accept_redirects", "1"},
    {"accept_local", "0"},
    {"accept_source_route", "1"},
    {"arp_accept", "0"},
    {"arp_announce", "0"},
    {"arp_evict_nocarrier", "1"},
    {"arp_filter", "0"},
    {"arp_ignore", "0"},
    {"arp_notify", "0"},
    {"drop_gratuitous_arp", "0"},
    {"drop_unicast_in_l2_multicast", "0"},
    {"ignore_routes_with_linkdown", "0"},
    {"log_martians", "0"},
    {"promote_secondaries", "0"},
    {"proxy_arp", "0"},
    {"route_localnet", "0"},
    {"rp_filter", "0"},
    {"secure_redirects", "1"},
    {"send_redirects", "1"},
    {"shared_media", "1"},
    {"src_valid_mark", "0"},
};

}  // namespace

absl::Status WriteSysctlHere(const std::string& path, absl::string_view value) {
  const std::string file = absl::StrCat("/proc/sys/", path);
  const UniqueFd fd(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.valid() || write(fd.get(), value.data(), value.size()) < 0) {
    return ErrnoError(errno, absl::StrCat("write ", value, " to ", file));
  }
  return absl::OkStatus();
}

absl::Status ResetSysctls() {
  for (const char* scope : {"all", "default"}) {
    for (const Setting& setting : kIpv4Conf) {
      const absl::Status written =
          WriteSysctlHere(absl::StrCat("net/ipv4/conf/", scope, "/", setting.name), setting.value);
      if (!written.ok() && !absl::IsNotFound(written)) {
        return written;
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace stronghost::lab
