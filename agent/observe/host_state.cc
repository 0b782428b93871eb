#include "agent/observe/host_state.h"

#include <linux/magic.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace stronghost {
namespace {

namespace fs = std::filesystem;

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::string KernelRelease() {
  utsname name{};
  return uname(&name) == 0 ? name.release : "";
}

bool KernelHasBtf() {
  std::error_code error;
  return fs::exists("/sys/kernel/btf/vmlinux", error);
}

bool Cgroup2IsMounted() {
  const std::string mounts = ReadAll("/proc/self/mounts");
  for (const absl::string_view line : absl::StrSplit(mounts, '\n')) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
    if (fields.size() > 2 && fields[2] == "cgroup2") {
      return true;
    }
  }
  return false;
}

bool IsOnBpffs(const std::string& path) {
  fs::path folder = path;
  std::error_code error;
  while (!fs::exists(folder, error) && folder.has_relative_path()) {
    folder = folder.parent_path();
  }
  struct statfs info {};
  return statfs(folder.c_str(), &info) == 0 && info.f_type == BPF_FS_MAGIC;
}

std::optional<uint64_t> ParseCapabilityBounds(absl::string_view status) {
  for (absl::string_view line : absl::StrSplit(status, '\n')) {
    uint64_t bounds = 0;
    if (absl::ConsumePrefix(&line, "CapBnd:") &&
        absl::SimpleHexAtoi(absl::StripAsciiWhitespace(line), &bounds)) {
      return bounds;
    }
  }
  return std::nullopt;
}

std::optional<uint64_t> CapabilityBounds() {
  return ParseCapabilityBounds(ReadAll("/proc/thread-self/status"));
}

std::map<std::string, std::string> ReadSysctls(const std::vector<std::string>& paths) {
  std::map<std::string, std::string> values;
  for (const std::string& path : paths) {
    std::string value = ReadAll(absl::StrCat("/proc/sys/", path));
    absl::StripTrailingAsciiWhitespace(&value);
    if (!value.empty()) {
      values[path] = value;
    }
  }
  return values;
}

// protocol size sockets memory press maxhdr ...; sockets is -1 where the protocol does not count.
std::map<std::string, uint64_t> ParseProtocols(absl::string_view text) {
  std::map<std::string, uint64_t> counts;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> fields =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    uint64_t sockets = 0;
    if (fields.size() > 2 && absl::SimpleAtoi(fields[2], &sockets)) {
      counts[std::string(fields[0])] = sockets;
    }
  }
  return counts;
}

std::map<std::string, uint64_t> SocketCounts() {
  return ParseProtocols(ReadAll("/proc/thread-self/net/protocols"));
}

}  // namespace stronghost
