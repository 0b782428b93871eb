#include "agent/cli/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace stronghost {

Table::Table(std::vector<std::string> header) {
  std::vector<Cell> cells;
  cells.reserve(header.size());
  for (std::string& title : header) {
    cells.push_back({std::move(title), Tone::kHeading});
  }
  rows_.push_back(std::move(cells));
}

void Table::AddRow(std::vector<Cell> cells) {
  for (Cell& cell : cells) {
    cell.text = Printable(cell.text);
  }
  rows_.push_back(std::move(cells));
}

std::string Table::Render(size_t indent, bool color) const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], Width(row[i].text));
    }
  }
  std::string out;
  for (const auto& row : rows_) {
    out.append(indent, ' ');
    size_t owed = 0;  // blanks before the next cell that has text
    for (size_t i = 0; i < row.size(); ++i) {
      if (!row[i].text.empty()) {
        out.append(owed, ' ');
        owed = 0;
        absl::StrAppend(&out, Paint(row[i].text, row[i].tone, color));
      }
      owed += widths[i] - Width(row[i].text) + 2;
    }
    out.push_back('\n');
  }
  return out;
}

}  // namespace stronghost
