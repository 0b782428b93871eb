#include "agent/act/memberships.h"

#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/act/state_file.h"
#include "agent/base/status.h"

namespace stronghost {
namespace {

// One line, cut at blanks.
using Columns = std::vector<absl::string_view>;

bool ParseIndex(absl::string_view text, IfIndex& index) {
  uint32_t value = 0;
  if (!absl::SimpleAtoi(text, &value) || value == 0) {
    return false;
  }
  index = static_cast<IfIndex>(value);
  return true;
}

// Bytes of an even number of hex digits; empty when it is none.
std::string ParseHex(absl::string_view text) {
  const bool good = text.size() % 2 == 0 && std::all_of(text.begin(), text.end(), [](char c) {
                      return absl::ascii_isxdigit(static_cast<unsigned char>(c));
                    });
  return good ? absl::HexStringToBytes(text) : std::string();
}

const uint8_t* Bytes(const std::string& raw) {
  return reinterpret_cast<const uint8_t*>(raw.data());
}

// "4\teth0      :     1      V3" opens an interface, "\t\t\t\t010000E0     1 0:00000000\t\t0" is
// a group of it. The group is a network-order word that was printed as a number.
class IgmpParser {
 public:
  bool Parse(absl::string_view line, const Columns& columns, Memberships& out) {
    if (line[0] != '\t') {
      // What follows the colon, which no interface's name has: count, querier.
      const Columns rest = absl::StrSplit(line.substr(std::min(line.find(':'), line.size())),
                                          absl::ByAnyChar(": \t"), absl::SkipEmpty());
      return ParseIndex(columns[0], link_) && rest.size() >= 2 && rest[1][0] == 'V' &&
             absl::SimpleAtoi(rest[1].substr(1), &version_);
    }
    uint32_t group = 0;
    if (link_ == IfIndex::kNone || columns[0].size() != 8 ||
        !absl::SimpleHexAtoi(columns[0], &group)) {
      return false;
    }
    out[link_].igmp_version = version_;
    out[link_].groups.push_back(IpAddress::V4(group));
    return true;
  }

 private:
  IfIndex link_ = IfIndex::kNone;
  int version_ = 3;
};

// "4    eth0            ff0200000000000000000001ff000002     1 00000004 0"
bool ParseIgmp6(const Columns& columns, Memberships& out) {
  IfIndex link = IfIndex::kNone;
  if (columns.size() < 3 || !ParseIndex(columns[0], link)) {
    return false;
  }
  const std::string group = ParseHex(columns[2]);
  if (group.size() != 16) {
    return false;
  }
  out[link].groups.push_back(IpAddress::FromBytes16(Bytes(group)));
  return true;
}

// Gives each line that is not blank to `parse(line, columns)`.
template <typename Parse>
absl::Status ForEachLine(absl::string_view text, absl::string_view file, size_t headings,
                         Parse parse) {
  size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const Columns columns = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (++number > headings && !columns.empty() && !parse(line, columns)) {
      return absl::InvalidArgumentError(
          absl::StrCat("/proc/net/", file, " line ", number, " is not understood: '", line,
                       "'; report it with the kernel's version (multicast of stand-ins may fail)"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadProcNet(absl::string_view file) {
  // Not /proc/net: that is the namespace of the process's first thread.
  absl::StatusOr<std::string> text = ReadTextFile(absl::StrCat("/proc/thread-self/net/", file));
  return absl::IsNotFound(text.status()) ? std::string() : text;
}

}  // namespace

absl::StatusOr<Memberships> ParseMemberships(absl::string_view igmp, absl::string_view igmp6) {
  Memberships out;
  IgmpParser v4;
  RETURN_IF_ERROR(ForEachLine(igmp, "igmp", 1, [&](absl::string_view line, const Columns& c) {
    return v4.Parse(line, c, out);
  }));
  RETURN_IF_ERROR(ForEachLine(
      igmp6, "igmp6", 0, [&](absl::string_view, const Columns& c) { return ParseIgmp6(c, out); }));
  for (auto& [link, memberships] : out) {
    std::vector<IpAddress>& groups = memberships.groups;
    std::sort(groups.begin(), groups.end());
    groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  }
  return out;
}

absl::StatusOr<Memberships> ReadMemberships() {
  ASSIGN_OR_RETURN(const std::string igmp, ReadProcNet("igmp"));
  ASSIGN_OR_RETURN(const std::string igmp6, ReadProcNet("igmp6"));
  return ParseMemberships(igmp, igmp6);
}

}  // namespace stronghost
