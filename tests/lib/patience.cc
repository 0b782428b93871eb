#include "tests/lib/patience.h"

#include <cstdlib>

#include "absl/strings/numbers.h"

namespace stronghost::lab {
namespace {

int Factor() {
  const char* text = std::getenv("STRONGHOST_TEST_PATIENCE");
  int factor = 1;
  const bool valid =
      text != nullptr && absl::SimpleAtoi(text, &factor) && factor >= 1 && factor <= 1000;
  return valid ? factor : 1;
}

}  // namespace

absl::Duration Patient(absl::Duration deadline) {
  static const int factor = Factor();
  return deadline * factor;
}

}  // namespace stronghost::lab
