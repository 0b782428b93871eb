// The seam to toml++: a TOML text as a tree of plain values with positions. No other file sees
// toml++ (a heavy header) or its exceptions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/config/source_map.h"

namespace stronghost {

enum class TomlKind { kTable, kArray, kString, kInteger, kFloat, kBoolean, kTime };

// The kind with its article, for messages: "a table", "an array", ...
absl::string_view KindName(TomlKind kind);

struct TomlMember;

// One value. Which of the fields is meaningful, `kind` says; numbers and times are never read by
// the configuration and carry no value.
struct TomlNode {
  TomlKind kind = TomlKind::kTable;
  Position position;
  std::string text;                 // kString
  bool boolean = false;             // kBoolean
  int64_t integer = 0;              // kInteger
  std::vector<TomlNode> items;      // kArray
  std::vector<TomlMember> members;  // kTable, in no particular order

  [[nodiscard]] const TomlNode* Find(absl::string_view key) const;
};

struct TomlMember {
  std::string key;
  Position position;  // of the key
  TomlNode value;
};

// The root table, or the first syntax error with its place.
struct TomlDocument {
  TomlNode root;
  std::optional<ConfigProblem> problem;
};

// Tables and arrays nested deeper than the configuration ever needs come back empty. Lines over
// 16 KiB are refused: toml++ recurses over dotted keys and would run out of stack.
TomlDocument ParseToml(absl::string_view text, absl::string_view file);

}  // namespace stronghost
