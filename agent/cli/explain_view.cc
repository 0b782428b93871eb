#include "absl/strings/str_cat.h"
#include "agent/cli/text.h"
#include "agent/cli/views.h"

namespace stronghost {
namespace {

std::string Field(const char* name, const std::string& value, Tone tone, bool color) {
  std::string label(name);
  label.resize(10, ' ');
  return absl::StrCat(label, Paint(value.empty() ? "-" : Printable(value), tone, color), "\n");
}

}  // namespace

std::string ExplainView(const ExplainReport& report, const ViewOptions& options) {
  const bool color = options.color;
  const Tone action = report.action == "redirect" ? Tone::kWarning : Tone::kPlain;
  const Tone wire = report.wire == report.home ? Tone::kPlain : Tone::kWarning;
  std::string out = absl::StrCat(
      Paint(Printable(absl::StrCat(report.source, " -> ", report.destination)), Tone::kHeading,
            color),
      "\n", Field("home", report.home, Tone::kPlain, color),
      Field("wire", report.wire, wire, color), Field("action", report.action, action, color),
      Field("next hop", report.next_hop.value_or(""), Tone::kPlain, color));
  for (size_t i = 0; i < report.why.size(); ++i) {
    absl::StrAppend(&out, i == 0 ? "why       " : "          ", Printable(report.why[i]), "\n");
  }
  return out;
}

}  // namespace stronghost
