#include "agent/config/spelling.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"

namespace stronghost {
namespace {

constexpr size_t kLongestWord = 64;

bool Same(char a, char b) {
  const auto fold = [](char c) {
    return c == '-' ? '_' : absl::ascii_tolower(static_cast<unsigned char>(c));
  };
  return fold(a) == fold(b);
}

}  // namespace

size_t EditDistance(absl::string_view a, absl::string_view b) {
  // Rows of the classic table: cost of making b[0, j) from a[0, i), for i - 2, i - 1 and i.
  std::vector<size_t> two_back(b.size() + 1);
  std::vector<size_t> back(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    two_back.swap(back);
    back.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = back[j - 1] + (Same(a[i - 1], b[j - 1]) ? 0 : 1);
      row[j] = std::min({back[j] + 1, row[j - 1] + 1, replace});
      if (i > 1 && j > 1 && Same(a[i - 1], b[j - 2]) && Same(a[i - 2], b[j - 1])) {
        row[j] = std::min(row[j], two_back[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

std::optional<absl::string_view> NearestWord(absl::string_view word,
                                             absl::Span<const absl::string_view> candidates) {
  if (word.size() > kLongestWord) {
    return std::nullopt;
  }
  size_t best = std::max<size_t>(1, word.size() / 3) + 1;
  std::optional<absl::string_view> nearest;
  for (const absl::string_view candidate : candidates) {
    if (const size_t distance = EditDistance(word, candidate); distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace stronghost
