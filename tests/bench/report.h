// What a benchmark says, as Markdown: rows with a goal and whether it was met, and tables of
// details. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace stronghost::bench {

// One line of the table of results. Texts bear their units.
struct Row {
  std::string what;
  std::string figure;
  std::string peer;             // the same thing without us, or the smaller case, in the same run
  std::optional<double> ratio;  // as the goal means it
  std::string goal;             // empty: there is none
  std::optional<bool> met;
};

// A table of details, cells as they are.
struct Table {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> lines;
};

struct Report {
  std::string title;
  std::string how;  // a paragraph: what was measured, and how
  std::vector<Row> rows;
  Table details;                   // may be empty
  std::vector<std::string> notes;  // a sentence each

  // A chapter of a Markdown file, heading level 3.
  [[nodiscard]] std::string ToMarkdown() const;
};

// A row whose goal is a limit of the ratio.
Row AtMost(std::string what, std::string figure, std::string peer, double ratio, double limit);
Row AtLeast(std::string what, std::string figure, std::string peer, double ratio, double limit);

}  // namespace stronghost::bench
