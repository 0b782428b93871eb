#include "agent/config/validate_sources.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "agent/config/validate_addresses.h"

namespace stronghost {
namespace {

class SourceChecks {
 public:
  SourceChecks(const Config& config, const SourceMap& sources, std::vector<ConfigProblem>* problems)
      : config_(config), sources_(sources), problems_(problems) {}

  void Run() {
    for (size_t g = 0; g < config_.groups.size(); ++g) {
      for (const AddressConfig& address : config_.groups[g].addresses) {
        groups_.try_emplace(address.ip.address, g);
      }
    }
    for (size_t g = 0; g < config_.groups.size(); ++g) {
      CheckGroup(g);
    }
  }

 private:
  // Where a group first names an address, in any of the lists.
  using Seen = absl::flat_hash_map<IpAddress, std::string>;

  template <typename... Parts>
  void Add(absl::string_view path, const Parts&... parts) {
    problems_->push_back(sources_.Problem(path, absl::StrCat(parts...)));
  }

  void CheckGroup(size_t g) {
    const SourceConfig& source = config_.groups[g].source;
    const std::string path = absl::StrCat(GroupPath(g), ".source");
    Seen listed;
    CheckList(g, "prefer", source.prefer, &listed);
    CheckList(g, "avoid", source.avoid, &listed);
    Seen weighted;
    for (size_t i = 0; i < source.weights.size(); ++i) {
      CheckAddress(g, "weights", i, source.weights[i].first, &weighted);
    }
    const bool broken = sources_.IsBroken(absl::StrCat(path, ".choose"));
    if (source.choose == SourceChoice::kSpread) {
      if (config_.cgroup.empty()) {
        Add(absl::StrCat(path, ".choose"),
            "choose = \"spread\" works on the sockets of a cgroup, and agent.cgroup is \"\"; set "
            "cgroup = \"auto\"");
      }
    } else if (!broken) {
      CheckEffect(path, "prefer", !source.prefer.empty());
      CheckEffect(path, "avoid", !source.avoid.empty());
      CheckEffect(path, "weights", !source.weights.empty());
    }
  }

  void CheckEffect(const std::string& path, absl::string_view key, bool given) {
    if (given) {
      Add(absl::StrCat(path, ".", key), key,
          " has no effect while routing chooses the source; add choose = \"spread\", or take ", key,
          " out");
    }
  }

  void CheckList(size_t g, absl::string_view list, const std::vector<IpAddress>& addresses,
                 Seen* seen) {
    for (size_t i = 0; i < addresses.size(); ++i) {
      CheckAddress(g, list, i, addresses[i], seen);
    }
  }

  void CheckAddress(size_t g, absl::string_view list, size_t i, const IpAddress& ip, Seen* seen) {
    const std::string key = absl::StrCat("source.", list);
    const std::string path = ItemPath(g, key, i);
    const GroupConfig& group = config_.groups[g];
    const auto owner = groups_.find(ip);
    if (const absl::string_view what = Unusable(ip); !what.empty()) {
      Add(path, list, " names ", ip.ToString(), ", ", what, "; write an address of the group");
    } else if (ip.IsLinkLocal()) {
      Add(path, list, " names ", ip.ToString(),
          ", and link-local addresses are never chosen; write another address of the group");
    } else if (owner != groups_.end() && owner->second != g) {
      Add(path, list, " names ", ip.ToString(), ", which belongs to group '",
          config_.groups[owner->second].name, "'; write an address of group '", group.name, "'");
    } else if (owner == groups_.end() && !group.adopt &&
               !sources_.IsBroken(absl::StrCat(GroupPath(g), ".address"))) {
      Add(path, list, " names ", ip.ToString(), ", which group '", group.name,
          "' has not; add it as [[group.address]], or set adopt = true");
    }
    const auto [it, added] = seen->emplace(ip, path);
    if (added) {
      return;
    }
    const bool same_list =
        it->second.substr(0, it->second.rfind('[')) == path.substr(0, path.rfind('['));
    if (same_list) {
      Add(path, list, " names ", ip.ToString(), " twice", sources_.LineNote(it->second),
          "; leave out one of them");
    } else {
      Add(path, ip.ToString(), " is preferred", sources_.LineNote(it->second),
          " and avoided; take it out of one of the lists");
    }
  }

  const Config& config_;
  const SourceMap& sources_;
  std::vector<ConfigProblem>* problems_;
  absl::flat_hash_map<IpAddress, size_t> groups_;  // of [[group.address]]
};

}  // namespace

void ValidateSources(const Config& config, const SourceMap& sources,
                     std::vector<ConfigProblem>* problems) {
  SourceChecks(config, sources, problems).Run();
}

}  // namespace stronghost
