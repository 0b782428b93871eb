// Pieces of text for people: colours, ages, and what is safe to print.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace stronghost {

enum class Tone { kPlain, kGood, kWarning, kBad, kFaint, kHeading };

// `text` in the colour of `tone`; as it is where `color` is false or the tone is plain.
std::string Paint(absl::string_view text, Tone tone, bool color);

// `text` with control characters made '?': NIC names and messages may hold anything, and a
// terminal must not obey them. Line breaks too.
std::string Printable(absl::string_view text);

// Columns that printable UTF-8 text takes, one a code point.
size_t Width(absl::string_view text);

// The two largest units: "7s", "2m 13s", "3h 2m", "4d 0h". Negative durations are "0s", infinite
// ones "-".
std::string FormatAge(absl::Duration age);

// An RFC 3339 time in the local time zone, without it, to the microsecond; what is none as it came,
// printable.
std::string LocalTime(const std::string& rfc3339);

// "1 address", "2 addresses".
std::string Count(uint64_t number, absl::string_view singular, absl::string_view plural);

}  // namespace stronghost
