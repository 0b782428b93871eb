#include "agent/act/sysctls.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/base/status.h"
#include "agent/base/unique_fd.h"

namespace stronghost {
namespace {

absl::StatusOr<std::string> FileOf(const std::string& path) {
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part.empty() || part == "." || part == "..") {
      return absl::InvalidArgumentError(absl::StrCat(
          "'", path, "' is no knob of /proc/sys/net; write it as ipv4/conf/eth0/arp_announce"));
    }
  }
  return absl::StrCat("/proc/sys/net/", path);
}

const char* MendOf(int error) {
  switch (error) {
    case EROFS:
      return "; /proc/sys is mounted read-only: mount it read-write in this container or unit";
    case EPERM:
    case EACCES:
      return "; run as root or give CAP_NET_ADMIN";
    default:
      return "";
  }
}

}  // namespace

absl::StatusOr<std::string> NicSysctlPath(absl::string_view family, absl::string_view nic,
                                          absl::string_view knob) {
  std::string path = absl::StrCat(family, "/conf/", nic, "/", knob);
  if (absl::StrContains(nic, '/')) {
    return absl::InvalidArgumentError(absl::StrCat("'", nic, "' is no interface name"));
  }
  RETURN_IF_ERROR(FileOf(path).status());
  return path;
}

absl::StatusOr<std::string> ReadSysctl(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string file, FileOf(path));
  ASSIGN_OR_RETURN(const std::string text, ReadTextFile(file));
  return std::string(absl::StripTrailingAsciiWhitespace(text));
}

absl::Status WriteSysctl(const Sysctl& sysctl) {
  ASSIGN_OR_RETURN(const std::string file, FileOf(sysctl.path));
  const UniqueFd fd(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  // One write() is one assignment: the kernel takes it whole or not at all.
  if (!fd.valid() || write(fd.get(), sysctl.value.data(), sysctl.value.size()) < 0) {
    const int error = errno;
    return ErrnoError(error, absl::StrCat("set ", file, " to '", sysctl.value, "'", MendOf(error)));
  }
  return absl::OkStatus();
}

absl::StatusOr<SysctlReport> ApplySysctls(const std::vector<Sysctl>& desired, StateFile& state) {
  SysctlReport report;
  std::vector<const Sysctl*> differing;
  for (const Sysctl& sysctl : desired) {
    const absl::StatusOr<std::string> actual = ReadSysctl(sysctl.path);
    if (absl::IsNotFound(actual.status())) {
      report.missing.push_back(sysctl.path);
    } else if (!actual.ok()) {
      report.failures.push_back(actual.status());
    } else if (*actual != sysctl.value) {
      state.RecordSysctl(sysctl.path, *actual);
      differing.push_back(&sysctl);
    }
  }
  RETURN_IF_ERROR(state.Save());
  for (const Sysctl* sysctl : differing) {
    if (absl::Status status = WriteSysctl(*sysctl); status.ok()) {
      report.changed.push_back(sysctl->path);
    } else {
      report.failures.push_back(std::move(status));
    }
  }
  return report;
}

absl::StatusOr<SysctlReport> RestoreSysctls(const std::vector<Sysctl>& keep, StateFile& state) {
  SysctlReport report;
  const absl::btree_map<std::string, std::string> recorded = state.state().sysctls;
  for (const auto& [path, original] : recorded) {
    const auto same = [&path = path](const Sysctl& sysctl) { return sysctl.path == path; };
    if (std::any_of(keep.begin(), keep.end(), same)) {
      continue;
    }
    const absl::Status status = WriteSysctl({path, original});
    if (status.ok()) {
      report.changed.push_back(path);
    } else if (absl::IsNotFound(status)) {
      report.missing.push_back(path);
    } else {
      report.failures.push_back(status);
      continue;
    }
    state.ForgetSysctl(path);
  }
  RETURN_IF_ERROR(state.Save());
  return report;
}

}  // namespace stronghost
