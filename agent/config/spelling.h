// Which word a mistyped one was meant to be.
#pragma once

#include <cstddef>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace stronghost {

// Number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
// ASCII case and the difference between '-' and '_' cost nothing.
size_t EditDistance(absl::string_view a, absl::string_view b);

// The candidate nearest to `word`, the first of equals; none if more than a third of the word
// would have to change.
std::optional<absl::string_view> NearestWord(absl::string_view word,
                                             absl::Span<const absl::string_view> candidates);

}  // namespace stronghost
