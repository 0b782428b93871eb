// Where in the file a setting stands, kept beside the plain Config, so that every later check can
// name file, line and column.
#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"

namespace stronghost {

// Line and column from 1; columns count characters, a tab is one. Line 0: no place is known.
struct Position {
  int line = 0;
  int column = 0;

  auto operator<=>(const Position&) const = default;
};

// One thing that is wrong with the configuration. The message says what, and the mend.
struct ConfigProblem {
  std::string file;
  int line = 0;
  int column = 0;
  std::string message;

  // "file:line:column: message"; without a place "file: message".
  [[nodiscard]] std::string ToString() const;
  bool operator==(const ConfigProblem&) const = default;
};

// Position of each setting. A path names a setting of Config by its TOML keys and by the indexes
// of the Config's own vectors: "agent.socket", "group[0].nics[1]", "group[0].address[2].home".
class SourceMap {
 public:
  SourceMap() = default;
  explicit SourceMap(std::string file) : file_(std::move(file)) {}

  [[nodiscard]] const std::string& file() const { return file_; }
  void Set(absl::string_view path, Position position);
  // Position of the setting, or of the nearest table or array around it that is in the file.
  [[nodiscard]] Position Find(absl::string_view path) const;
  // " (line 12)" for the inside of a message; "" where the line isn't known.
  [[nodiscard]] std::string LineNote(absl::string_view path) const;
  [[nodiscard]] ConfigProblem Problem(absl::string_view path, std::string message) const;

  // A broken setting was written, but could not be read, and was reported. Checks that would
  // only complain about its absence leave it out.
  void MarkBroken(absl::string_view path);
  [[nodiscard]] bool IsBroken(absl::string_view path) const;

 private:
  std::string file_;
  absl::flat_hash_map<std::string, Position> positions_;
  absl::flat_hash_set<std::string> broken_;
};

// "group[G]", "group[G].LIST[I]": the paths that checks need.
std::string GroupPath(size_t group);
std::string ItemPath(size_t group, absl::string_view list, size_t item);

}  // namespace stronghost
