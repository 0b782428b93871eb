// What /proc and /sys tell of a host: for `stronghost doctor`. What can't be read is left out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace stronghost {

std::string KernelRelease();  // uname(2)
bool KernelHasBtf();
bool Cgroup2IsMounted();

// Whether `path`, or the nearest folder above it that exists, is on a bpf file system.
bool IsOnBpffs(const std::string& path);

// CapBnd of proc(5): what any process started from here may have.
std::optional<uint64_t> CapabilityBounds();
// Of the text of /proc/PID/status.
std::optional<uint64_t> ParseCapabilityBounds(absl::string_view status);

// Values below /proc/sys, without blanks at their end. /proc/sys/net is that of the caller's
// network namespace.
std::map<std::string, std::string> ReadSysctls(const std::vector<std::string>& paths);

// Open sockets of each protocol in the caller's network namespace (/proc/net/protocols).
std::map<std::string, uint64_t> SocketCounts();
// Of its text.
std::map<std::string, uint64_t> ParseProtocols(absl::string_view text);

}  // namespace stronghost
