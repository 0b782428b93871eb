#include "agent/cli/text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace stronghost {
namespace {

// SGR sequences (ECMA-48 8.3.117).
absl::string_view Sequence(Tone tone) {
  switch (tone) {
    case Tone::kPlain:
      return "";
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kWarning:
      return "\x1b[33m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kFaint:
      return "\x1b[2m";
    case Tone::kHeading:
      return "\x1b[1m";
  }
  return "";
}

bool IsContinuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xc0) == 0x80;
}

}  // namespace

std::string Paint(absl::string_view text, Tone tone, bool color) {
  if (!color || tone == Tone::kPlain) {
    return std::string(text);
  }
  return absl::StrCat(Sequence(tone), text, "\x1b[0m");
}

std::string Printable(absl::string_view text) {
  std::string clean(text);
  unsigned char before = 0;
  for (char& c : clean) {
    const auto byte = static_cast<unsigned char>(c);
    // C0 and DEL, and in UTF-8 the C1 controls U+0080 to U+009F.
    if (byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte >= 0x80 && byte < 0xa0)) {
      c = '?';
    }
    before = byte;
  }
  return clean;
}

size_t Width(absl::string_view text) {
  size_t width = 0;
  for (const char c : text) {
    width += IsContinuation(c) ? 0 : 1;
  }
  return width;
}

std::string FormatAge(absl::Duration age) {
  if (age == absl::InfiniteDuration() || age == -absl::InfiniteDuration()) {
    return "-";
  }
  const int64_t seconds = age < absl::ZeroDuration() ? 0 : absl::ToInt64Seconds(age);
  if (seconds < 60) {
    return absl::StrCat(seconds, "s");
  }
  if (seconds < 3600) {
    return absl::StrFormat("%dm %ds", seconds / 60, seconds % 60);
  }
  if (seconds < 86400) {
    return absl::StrFormat("%dh %dm", seconds / 3600, seconds % 3600 / 60);
  }
  return absl::StrFormat("%dd %dh", seconds / 86400, seconds % 86400 / 3600);
}

std::string LocalTime(const std::string& rfc3339) {
  absl::Time when;
  std::string error;
  return absl::ParseTime(absl::RFC3339_full, rfc3339, &when, &error)
             ? absl::FormatTime("%Y-%m-%d %H:%M:%E6S", when, absl::LocalTimeZone())
             : Printable(rfc3339);
}

std::string Count(uint64_t number, absl::string_view singular, absl::string_view plural) {
  return absl::StrCat(number, " ", number == 1 ? singular : plural);
}

}  // namespace stronghost
