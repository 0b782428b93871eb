#include "agent/suggest/toml_text.h"

#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace stronghost {
namespace {

constexpr size_t kColumns = 100;

// Takes one code point off the front; nothing, and one byte less, where it is no UTF-8 (RFC 3629:
// overlong forms, surrogates and what is above U+10FFFF are none).
std::optional<uint32_t> TakeCodePoint(absl::string_view& text) {
  const auto lead = static_cast<uint8_t>(text.front());
  const size_t size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (size == 0 || lead > 0xf4 || size > text.size()) {
    text.remove_prefix(1);
    return std::nullopt;
  }
  uint32_t point = size == 1 ? lead : lead & (0x7fU >> size);
  for (size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if ((byte & 0xc0) != 0x80) {
      text.remove_prefix(1);
      return std::nullopt;
    }
    point = point << 6 | (byte & 0x3fU);
  }
  const bool overlong = (size == 3 && point < 0x800) || (size == 4 && point < 0x10000);
  if (overlong || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
    text.remove_prefix(1);
    return std::nullopt;
  }
  text.remove_prefix(size);
  return point;
}

bool IsControl(uint32_t point) {
  return point < 0x20 || (point >= 0x7f && point < 0xa0);
}

std::string Clean(absl::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const absl::string_view before = text;
    const auto point = TakeCodePoint(text);
    if (point.has_value() && !IsControl(*point)) {
      absl::StrAppend(&clean, before.substr(0, before.size() - text.size()));
    } else {
      clean.push_back('?');
    }
  }
  return clean;
}

}  // namespace

bool IsTomlText(absl::string_view text) {
  while (!text.empty()) {
    const auto point = TakeCodePoint(text);
    if (!point.has_value() || IsControl(*point)) {
      return false;
    }
  }
  return true;
}

std::string TomlString(absl::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const uint32_t point = TakeCodePoint(text).value_or('?');
    if (point == '"' || point == '\\') {
      out.push_back('\\');
    }
    if (point < 0x80 && !IsControl(point)) {
      out.push_back(static_cast<char>(point));
    } else if (point < 0x10000) {
      absl::StrAppendFormat(&out, "\\u%04X", point);
    } else {
      absl::StrAppendFormat(&out, "\\U%08X", point);
    }
  }
  out.push_back('"');
  return out;
}

std::string TomlList(const std::vector<std::string>& texts) {
  return absl::StrCat("[",
                      absl::StrJoin(texts, ", ",
                                    [](std::string* out, const std::string& text) {
                                      absl::StrAppend(out, TomlString(text));
                                    }),
                      "]");
}

std::string TomlComment(absl::string_view text, int indent, absl::string_view mark) {
  const std::string begin = absl::StrCat(std::string(indent, ' '), "# ");
  std::string line = absl::StrCat(begin, mark);
  const std::string next = absl::StrCat(begin, std::string(mark.size(), ' '));
  std::string out;
  bool empty = true;  // the line has no word yet
  const std::string clean = Clean(text);
  for (const absl::string_view word : absl::StrSplit(clean, ' ')) {
    if (!empty && line.size() + 1 + word.size() > kColumns) {
      absl::StrAppend(&out, line, "\n");
      line = next;
      empty = true;
    }
    absl::StrAppend(&line, empty ? "" : " ", word);
    empty = false;
  }
  return absl::StrCat(out, line, "\n");
}

}  // namespace stronghost
