#include "agent/config/validate.h"

#include <sys/un.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "agent/config/validate_addresses.h"
#include "agent/config/validate_prefixes.h"
#include "agent/config/validate_sources.h"
#include "agent/config/values.h"
#include "maps/reply_sources.h"
#include "maps/types.h"

namespace stronghost {
namespace {

constexpr size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr size_t kMaxGroupMembers = SH_GROUP_MAX;
constexpr size_t kMaxMembers = SH_HOMES_MAX - 1;
constexpr absl::Duration kMinCarrierPoll = absl::Milliseconds(1);
constexpr absl::Duration kMaxCarrierPoll = absl::Seconds(10);

// Where a group first names a member.
struct Membership {
  std::string nic;
  size_t group = 0;
  std::string path;
};

class GroupChecks {
 public:
  GroupChecks(const Config& config, const SourceMap& sources, std::vector<ConfigProblem>* problems)
      : config_(config), sources_(sources), problems_(problems) {}

  void Run() {
    CheckAgent();
    for (size_t i = 0; i < config_.groups.size(); ++i) {
      CheckName(i);
      CheckNics(i);
      CheckTimes(i);
    }
    CheckMemberships();
  }

 private:
  template <typename... Parts>
  void Add(absl::string_view path, const Parts&... parts) {
    problems_->push_back(sources_.Problem(path, absl::StrCat(parts...)));
  }

  // "group 'front'", or its number where it has no name.
  std::string Title(size_t group) const {
    const std::string& name = config_.groups[group].name;
    return name.empty() ? absl::StrCat("group number ", group + 1)
                        : absl::StrCat("group '", name, "'");
  }

  void CheckAbsolute(absl::string_view key, const std::string& path) {
    if (!absl::StartsWith(path, "/")) {
      Add(absl::StrCat("agent.", key), key, " '", path,
          "' is no absolute path; let it begin with '/'");
    }
  }

  void CheckAgent() {
    CheckAbsolute("socket", config_.socket);
    CheckAbsolute("pin_dir", config_.pin_dir);
    CheckAbsolute("state_dir", config_.state_dir);
    if (config_.socket.size() > kMaxSocketPath) {
      Add("agent.socket", "socket is ", config_.socket.size(), " bytes long; at most ",
          kMaxSocketPath, " are possible (unix(7)), choose a shorter path");
    }
    if (config_.cgroup != "auto" && !config_.cgroup.empty()) {
      CheckAbsolute("cgroup", config_.cgroup);
    }
    if (config_.reply_source_except.size() > SH_REPLY_EXCEPT_MAX) {
      Add("agent.reply_source_except", "reply_source_except has ",
          config_.reply_source_except.size(), " ports; ", SH_REPLY_EXCEPT_MAX,
          " is the most, or turn reply source off with cgroup = \"\"");
    }
    if ((static_cast<uint32_t>(config_.reply_mark) & SH_REPLY_MARK_BITS) != 0) {
      Add("agent.reply_mark", "reply_mark is ", config_.reply_mark,
          ", and its low 8 bits are needed to tell addresses apart; write a number that ends in 00 "
          "in hexadecimal, such as 0x53480000, or 0 for no marks");
    }
    if (config_.metrics.empty()) {
      return;
    }
    if (const absl::Status status = CheckHostPort(config_.metrics); !status.ok()) {
      Add("agent.metrics", "metrics: ", status.message());
    }
  }

  void CheckName(size_t index) {
    const std::string& name = config_.groups[index].name;
    const std::string path = absl::StrCat(GroupPath(index), ".name");
    if (name.empty()) {
      if (!sources_.IsBroken(path)) {
        Add(path, "the group has no name; add name = \"front\"");
      }
      return;
    }
    const auto [it, added] = group_by_name_.emplace(name, path);
    if (!added) {
      Add(path, "a second group is named '", name, "'; the first", sources_.LineNote(it->second),
          " keeps the name, choose another one");
    }
  }

  void CheckNics(size_t index) {
    const GroupConfig& group = config_.groups[index];
    const std::string path = GroupPath(index);
    std::vector<Membership> members = CheckList(index, "nics", group.nics, {});
    members = CheckList(index, "standby", group.standby, std::move(members));
    const bool broken = sources_.IsBroken(absl::StrCat(path, ".nics")) ||
                        sources_.IsBroken(absl::StrCat(path, ".standby"));
    const auto active = static_cast<size_t>(
        std::count_if(members.begin(), members.end(),
                      [&group](const Membership& m) { return !group.IsStandby(m.nic); }));
    if (members.empty() && !broken) {
      Add(absl::StrCat(path, ".nics"), Title(index),
          " has no NICs; add nics = [\"eth0\", \"eth1\"]");
    } else if (active == 0 && !broken) {
      Add(absl::StrCat(path, ".standby"), "standby names every member of ", Title(index),
          ": none is left to carry traffic; take one NIC out of standby");
    }
    if (members.size() > kMaxGroupMembers) {
      Add(members[kMaxGroupMembers].path, Title(index), " has ", members.size(), " members; ",
          kMaxGroupMembers, " is the most, make two groups of it");
    }
    members_.insert(members_.end(), members.begin(), members.end());
  }

  // Checks the names of one list, and returns `members` with those that are new in the group.
  std::vector<Membership> CheckList(size_t index, absl::string_view list,
                                    const std::vector<std::string>& nics,
                                    std::vector<Membership> members) {
    absl::flat_hash_map<std::string, std::string> seen;  // NIC -> path, in this list
    for (size_t i = 0; i < nics.size(); ++i) {
      const std::string path = ItemPath(index, list, i);
      if (const absl::Status status = CheckNicName(nics[i]); !status.ok()) {
        Add(path, list, ": ", status.message());
      }
      const auto [it, added] = seen.emplace(nics[i], path);
      if (!added) {
        Add(path, list, " names '", nics[i], "' twice", sources_.LineNote(it->second),
            "; leave out one of them");
        continue;
      }
      const bool known = std::any_of(members.begin(), members.end(),
                                     [&](const Membership& m) { return m.nic == nics[i]; });
      if (!known) {
        members.push_back({nics[i], index, path});
      }
    }
    return members;
  }

  void CheckMemberships() {
    absl::flat_hash_map<std::string, const Membership*> owner;
    for (const Membership& member : members_) {
      const auto [it, added] = owner.emplace(member.nic, &member);
      if (!added) {
        Add(member.path, "'", member.nic, "' is in two groups: ", Title(it->second->group),
            sources_.LineNote(it->second->path), " and ", Title(member.group),
            "; take it out of one");
      }
    }
    if (members_.size() > kMaxMembers) {
      Add(members_[kMaxMembers].path, "the groups have ", members_.size(), " members in all; ",
          kMaxMembers, " is the most, take some out");
    }
  }

  void CheckTimes(size_t index) {
    const GroupConfig& group = config_.groups[index];
    const std::string path = GroupPath(index);
    CheckNotNegative(absl::StrCat(path, ".failback"), "failback", group.failback);
    CheckNotNegative(absl::StrCat(path, ".relocate_after"), "relocate_after", group.relocate_after);
    const absl::Duration poll = group.detect.carrier_poll;
    if (poll < kMinCarrierPoll || poll > kMaxCarrierPoll) {
      Add(absl::StrCat(path, ".detect.carrier_poll"), "carrier_poll is ",
          absl::FormatDuration(poll), "; write a time from \"1ms\" to \"10s\"");
    }
  }

  void CheckNotNegative(absl::string_view path, absl::string_view key, absl::Duration time) {
    if (time < absl::ZeroDuration()) {
      Add(path, key, " is ", absl::FormatDuration(time),
          "; write a time of \"0s\" or more, or \"never\"");
    }
  }

  const Config& config_;
  const SourceMap& sources_;
  std::vector<ConfigProblem>* problems_;
  std::vector<Membership> members_;                              // of all groups
  absl::flat_hash_map<std::string, std::string> group_by_name_;  // name -> path
};

}  // namespace

std::vector<ConfigProblem> ValidateConfig(const Config& config, const SourceMap& sources) {
  std::vector<ConfigProblem> problems;
  GroupChecks(config, sources, &problems).Run();
  ValidateAddresses(config, sources, &problems);
  ValidatePrefixes(config, sources, &problems);
  ValidateSources(config, sources, &problems);
  return problems;
}

}  // namespace stronghost
