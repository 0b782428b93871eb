#include "agent/config/validate_prefixes.h"

#include <algorithm>
#include <array>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/config/validate_addresses.h"
#include "maps/types.h"

namespace stronghost {
namespace {

// What no router forwards (RFC 6890), and the IPv4 half of the map's keys.
struct SpecialRange {
  absl::string_view prefix;
  absl::string_view what;
};
constexpr std::array kSpecialRanges = {
    SpecialRange{"0.0.0.0/8", "\"this network\""},
    SpecialRange{"127.0.0.0/8", "loopback"},
    SpecialRange{"169.254.0.0/16", "link-local"},
    SpecialRange{"224.0.0.0/4", "multicast"},
    SpecialRange{"255.255.255.255/32", "broadcast"},
    SpecialRange{"::/80", "loopback and IPv4-mapped"},
    SpecialRange{"fe80::/10", "link-local"},
    SpecialRange{"ff00::/8", "multicast"},
};

bool Overlap(const IpPrefix& a, const IpPrefix& b) {
  return a.Contains(b.address) || b.Contains(a.address);
}

// The special addresses among those of `prefix`; "" if there are none.
absl::string_view SpecialOf(const IpPrefix& prefix) {
  static const auto* const kRanges = new std::vector<IpPrefix>([] {
    std::vector<IpPrefix> ranges;
    ranges.reserve(kSpecialRanges.size());
    for (const SpecialRange& range : kSpecialRanges) {
      ranges.push_back(IpPrefix::Parse(range.prefix).value());
    }
    return ranges;
  }());
  for (size_t i = 0; i < kRanges->size(); ++i) {
    if (Overlap(prefix, (*kRanges)[i])) {
      return kSpecialRanges[i].what;
    }
  }
  return "";
}

class PrefixChecks {
 public:
  PrefixChecks(const Config& config, const SourceMap& sources, std::vector<ConfigProblem>* problems)
      : config_(config), sources_(sources), problems_(problems) {}

  void Run() {
    size_t count = 0;
    for (size_t g = 0; g < config_.groups.size(); ++g) {
      for (size_t i = 0; i < config_.groups[g].prefixes.size(); ++i) {
        CheckPrefix(g, i);
        if (++count == SH_PREFIXES_MAX + 1) {
          Add(ItemPath(g, "prefix", i), "there are more than ", SH_PREFIXES_MAX,
              " prefixes, which is the most; join some, or take some out");
        }
      }
    }
    CheckOverlaps();
  }

 private:
  struct Entry {
    IpPrefix prefix;
    std::string home;
    std::string path;  // of the prefix
    size_t order = 0;  // in the file
  };

  template <typename... Parts>
  void Add(absl::string_view path, const Parts&... parts) {
    problems_->push_back(sources_.Problem(path, absl::StrCat(parts...)));
  }

  void CheckPrefix(size_t g, size_t i) {
    const PrefixConfig& config = config_.groups[g].prefixes[i];
    const std::string home_path = absl::StrCat(ItemPath(g, "prefix", i), ".home");
    if (const std::string fault = HomeFault(config_.groups[g], "prefix", config.home);
        !fault.empty() && !sources_.IsBroken(home_path)) {
      Add(home_path, fault);
    }
    const std::string path = absl::StrCat(ItemPath(g, "prefix", i), ".prefix");
    if (sources_.IsBroken(path)) {
      return;
    }
    const IpPrefix network = config.prefix.Network();
    if (config.prefix.length == 0) {
      Add(path, config.prefix.ToString(),
          " is every address there is; write the addresses of the containers or of the range, such "
          "as 203.0.113.64/28");
    } else if (config.prefix != network) {
      Add(path, config.prefix.ToString(), " has bits behind its prefix length; write ",
          network.ToString());
    } else if (const absl::string_view what = SpecialOf(network); !what.empty()) {
      Add(path, network.ToString(), " holds ", what,
          " addresses; write a prefix that is routed to this host");
    } else if (!config.home.empty()) {
      entries_.push_back({network, config.home, path, entries_.size()});
    }
  }

  // Sorted, a prefix follows those that contain it. Each is compared with the narrowest of them;
  // what that one has to say of the wider ones was said before.
  void CheckOverlaps() {
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.prefix, a.order) < std::tie(b.prefix, b.order);
    });
    std::vector<const Entry*> around;
    for (const Entry& entry : entries_) {
      while (!around.empty() && !around.back()->prefix.Contains(entry.prefix.address)) {
        around.pop_back();
      }
      if (!around.empty()) {
        Compare(*around.back(), entry);
      }
      around.push_back(&entry);
    }
  }

  // Reported where the later of the two stands.
  void Compare(const Entry& wide, const Entry& narrow) {
    const Entry& first = wide.order < narrow.order ? wide : narrow;
    const Entry& second = wide.order < narrow.order ? narrow : wide;
    const std::string line = sources_.LineNote(first.path);
    if (first.home == second.home) {
      if (first.prefix == second.prefix) {
        Add(second.path, second.prefix.ToString(), " is written twice", line,
            "; leave out one of the entries");
      }
    } else if (first.prefix == second.prefix) {
      Add(second.path, second.prefix.ToString(), " has two homes: ", first.home, line, " and ",
          second.home, "; leave out one of the entries");
    } else {
      Add(second.path, second.prefix.ToString(), " of ", second.home, " overlaps ",
          first.prefix.ToString(), " of ", first.home, line,
          "; split the wider one, or give both one home");
    }
  }

  const Config& config_;
  const SourceMap& sources_;
  std::vector<ConfigProblem>* problems_;
  std::vector<Entry> entries_;
};

}  // namespace

void ValidatePrefixes(const Config& config, const SourceMap& sources,
                      std::vector<ConfigProblem>* problems) {
  PrefixChecks(config, sources, problems).Run();
}

}  // namespace stronghost
