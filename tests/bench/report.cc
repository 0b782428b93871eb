#include "tests/bench/report.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace stronghost::bench {
namespace {

std::string Line(const std::vector<std::string>& cells) {
  std::vector<std::string> escaped;
  escaped.reserve(cells.size());
  for (const std::string& cell : cells) {
    escaped.push_back(cell.empty() ? "-" : absl::StrReplaceAll(cell, {{"|", "\\|"}}));
  }
  return absl::StrCat("| ", absl::StrJoin(escaped, " | "), " |\n");
}

std::string Rule(size_t columns) {
  std::string rule = "|";
  for (size_t i = 0; i < columns; ++i) {
    rule += " --- |";
  }
  return rule + "\n";
}

std::string ToText(const Row& row) {
  const std::string ratio = row.ratio.has_value() ? absl::StrFormat("%.3g", *row.ratio) : "";
  const std::string met = !row.met.has_value() ? "" : *row.met ? "yes" : "**no**";
  return Line({row.what, row.figure, row.peer, ratio, row.goal, met});
}

Row WithLimit(std::string what, std::string figure, std::string peer, double ratio,
              const char* word, double limit, bool met) {
  return {.what = std::move(what),
          .figure = std::move(figure),
          .peer = std::move(peer),
          .ratio = ratio,
          .goal = absl::StrFormat("%s %.3g", word, limit),
          .met = met};
}

}  // namespace

std::string Report::ToMarkdown() const {
  std::string text = absl::StrCat("### ", title, "\n\n", how, "\n");
  if (!rows.empty()) {
    absl::StrAppend(&text, "\n", Line({"what", "figure", "peer", "ratio", "goal", "met"}), Rule(6));
    for (const Row& row : rows) {
      text += ToText(row);
    }
  }
  if (!details.lines.empty()) {
    absl::StrAppend(&text, "\n", Line(details.head), Rule(details.head.size()));
    for (const std::vector<std::string>& line : details.lines) {
      text += Line(line);
    }
  }
  if (!notes.empty()) {
    text += "\n";
    for (const std::string& note : notes) {
      absl::StrAppend(&text, "- ", note, "\n");
    }
  }
  return text;
}

Row AtMost(std::string what, std::string figure, std::string peer, double ratio, double limit) {
  return WithLimit(std::move(what), std::move(figure), std::move(peer), ratio, "at most", limit,
                   ratio <= limit);
}

Row AtLeast(std::string what, std::string figure, std::string peer, double ratio, double limit) {
  return WithLimit(std::move(what), std::move(figure), std::move(peer), ratio, "at least", limit,
                   ratio >= limit);
}

}  // namespace stronghost::bench
