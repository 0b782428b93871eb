#include "agent/config/document.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <exception>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace stronghost {
namespace {

constexpr size_t kMaxLineLength = 16384;
constexpr int kMaxDepth = 8;

Position ToPosition(const toml::source_region& region) {
  return {static_cast<int>(region.begin.line), static_cast<int>(region.begin.column)};
}

TomlKind ToKind(toml::node_type type) {
  switch (type) {
    case toml::node_type::array:
      return TomlKind::kArray;
    case toml::node_type::string:
      return TomlKind::kString;
    case toml::node_type::integer:
      return TomlKind::kInteger;
    case toml::node_type::floating_point:
      return TomlKind::kFloat;
    case toml::node_type::boolean:
      return TomlKind::kBoolean;
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return TomlKind::kTime;
    case toml::node_type::table:
    case toml::node_type::none:
      break;
  }
  return TomlKind::kTable;
}

TomlNode ToNode(const toml::node& source, int depth) {
  TomlNode node;
  node.kind = ToKind(source.type());
  node.position = ToPosition(source.source());
  if (const auto* text = source.as_string()) {
    node.text = text->get();
  } else if (const auto* boolean = source.as_boolean()) {
    node.boolean = boolean->get();
  } else if (const auto* integer = source.as_integer()) {
    node.integer = integer->get();
  } else if (depth >= kMaxDepth) {
    return node;
  } else if (const auto* array = source.as_array()) {
    for (const toml::node& item : *array) {
      node.items.push_back(ToNode(item, depth + 1));
    }
  } else if (const auto* table = source.as_table()) {
    for (const auto& [key, value] : *table) {
      node.members.push_back(
          {std::string(key.str()), ToPosition(key.source()), ToNode(value, depth + 1)});
    }
  }
  return node;
}

struct SyntaxHint {
  absl::string_view fragment;  // of the library's sentence
  absl::string_view mend;
};

// Where one mistake is by far the likeliest. The first that fits counts.
constexpr std::array kSyntaxHints = {
    SyntaxHint{"cannot redefine", "write each key and each [table] once, and groups as [[group]]"},
    SyntaxHint{"could not determine value type", "write text in quotes"},
    SyntaxHint{"expected 'true'", "write text in quotes"},
    SyntaxHint{"expected 'false'", "write text in quotes"},
    SyntaxHint{"expected '='", "write KEY = VALUE"},
    SyntaxHint{"inline table", "write {KEY = VALUE, ...} in one line, or use [[...]] sections"},
    SyntaxHint{"unescaped control characters", "close the quotes in the same line"},
    SyntaxHint{"escape sequence", "write \\\\ for a backslash"},
    SyntaxHint{"utf-8", "save the file as UTF-8"},
};

std::string SyntaxMessage(std::string_view description) {
  absl::string_view sentence(description.data(), description.size());
  absl::ConsumePrefix(&sentence, "Error while parsing ");
  const auto* const hint = std::find_if(kSyntaxHints.begin(), kSyntaxHints.end(),
                                        [sentence](const SyntaxHint& candidate) {
                                          return absl::StrContains(sentence, candidate.fragment);
                                        });
  return absl::StrCat("not valid TOML: ", sentence,
                      hint == kSyntaxHints.end() ? "" : absl::StrCat("; ", hint->mend));
}

std::optional<ConfigProblem> FindLongLine(absl::string_view text, absl::string_view file) {
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (line.size() > kMaxLineLength) {
      return ConfigProblem{std::string(file), number, 1,
                           absl::StrCat("the line is longer than ", kMaxLineLength,
                                        " bytes; break it (arrays may span lines)")};
    }
  }
  return std::nullopt;
}

}  // namespace

absl::string_view KindName(TomlKind kind) {
  switch (kind) {
    case TomlKind::kTable:
      return "a table";
    case TomlKind::kArray:
      return "an array";
    case TomlKind::kString:
      return "a string";
    case TomlKind::kInteger:
      return "an integer";
    case TomlKind::kFloat:
      return "a floating-point number";
    case TomlKind::kBoolean:
      return "a boolean";
    case TomlKind::kTime:
      return "a date or time";
  }
  return "unknown";
}

const TomlNode* TomlNode::Find(absl::string_view key) const {
  for (const TomlMember& member : members) {
    if (member.key == key) {
      return &member.value;
    }
  }
  return nullptr;
}

TomlDocument ParseToml(absl::string_view text, absl::string_view file) {
  TomlDocument document;
  document.problem = FindLongLine(text, file);
  if (document.problem.has_value()) {
    return document;
  }
  // Debian's toml++ is a shared library built with exceptions; they end here.
  try {
    const toml::table root = toml::parse(std::string_view(text.data(), text.size()));
    document.root = ToNode(root, 0);
  } catch (const toml::parse_error& error) {
    const Position at = ToPosition(error.source());
    document.problem =
        ConfigProblem{std::string(file), at.line, at.column, SyntaxMessage(error.description())};
  } catch (const std::exception& error) {
    document.problem = ConfigProblem{std::string(file), 0, 0,
                                     absl::StrCat("cannot read the TOML text: ", error.what())};
  }
  return document;
}

}  // namespace stronghost
