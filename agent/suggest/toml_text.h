// Text for a TOML file (https://toml.io/en/v1.0.0): strings and comments.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace stronghost {

// True if stronghost.toml can hold `text`: UTF-8 without control characters. NIC names may be
// anything but '/', ':' and blanks.
bool IsTomlText(absl::string_view text);

// `text`, for which IsTomlText() holds, as a basic string with its quotes; what is not ASCII is
// escaped.
std::string TomlString(absl::string_view text);

// ["a", "b"]
std::string TomlList(const std::vector<std::string>& texts);

// `text` as comment lines of at most 100 columns, each after `indent` blanks. `mark` begins the
// first, blanks of its width the others: "- ". What a comment can't hold becomes '?'.
std::string TomlComment(absl::string_view text, int indent = 0, absl::string_view mark = "");

}  // namespace stronghost
