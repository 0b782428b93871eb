#pragma once

#include <string>
#include <vector>

#include "agent/cli/text.h"

namespace stronghost {

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;
};

// Columns as wide as their widest cell, two blanks between them, no trailing blanks. Short rows
// are fine. Cells are made Printable().
class Table {
 public:
  explicit Table(std::vector<std::string> header);

  void AddRow(std::vector<Cell> cells);

  // One line a row, each after `indent` blanks.
  [[nodiscard]] std::string Render(size_t indent, bool color) const;

 private:
  std::vector<std::vector<Cell>> rows_;  // the first is the header
};

}  // namespace stronghost
