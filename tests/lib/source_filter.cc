#include "tests/lib/source_filter.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/substitute.h"
#include "agent/base/status.h"

namespace stronghost::lab {
namespace {

std::string DropOthers(int segment, absl::string_view family, absl::string_view sources) {
  return absl::Substitute("    iifname \"$0\" $1 saddr != { $2 } counter name foreign drop\n",
                          LabPlan::GatewayNic(segment), family, sources);
}

}  // namespace

absl::Status FilterSources(Lab& lab) {
  const std::string rules = absl::StrCat(
      "table inet bcp38 {\n  counter foreign { }\n  chain forward {\n"
      "    type filter hook forward priority 0;\n",
      DropOthers(0, "ip", "198.51.100.0/24"), DropOthers(0, "ip6", "2001:db8::/64"),
      DropOthers(1, "ip", "192.0.2.0/24"), DropOthers(1, "ip6", "2001:db8:2::/64, 2001:db8:c::/64"),
      "  }\n}\n");
  return lab.gateway().Check({"nft", "-f", "-"}, rules).status();
}

absl::StatusOr<int64_t> FilteredPackets(Lab& lab) {
  ASSIGN_OR_RETURN(const std::string text,
                   lab.gateway().Check({"nft", "list", "counter", "inet", "bcp38", "foreign"}));
  const std::vector<std::string> words = absl::StrSplit(text, absl::ByAnyChar(" \t\n"));
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    int64_t packets = 0;
    if (words[i] == "packets" && absl::SimpleAtoi(words[i + 1], &packets)) {
      return packets;
    }
  }
  return absl::InternalError(absl::StrCat("nft list counter: ", text));
}

}  // namespace stronghost::lab
