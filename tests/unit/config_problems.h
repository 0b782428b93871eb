// What the tests of the configuration share.
#pragma once

#include <gmock/gmock.h>

#include <ostream>
#include <string>
#include <vector>

#include "agent/config/load.h"

namespace stronghost {

// The problems of a text as "LINE:COLUMN: MESSAGE"; "MESSAGE" alone where no place is known.
inline std::vector<std::string> ProblemsIn(const std::string& text) {
  std::vector<std::string> lines;
  for (const ConfigProblem& problem : ParseConfig(text, "f").problems) {
    lines.push_back(problem.ToString().substr(2));
  }
  return lines;
}

// One input with exactly one thing wrong: where, and words of the message that say what and the
// mend.
struct FailingInput {
  const char* name;
  const char* text;
  const char* place;  // "LINE:COLUMN: "
  const char* what;
  const char* mend;
};

inline void PrintTo(const FailingInput& input, std::ostream* out) {
  *out << input.name;
}

inline std::string NameOfInput(const testing::TestParamInfo<FailingInput>& info) {
  return info.param.name;
}

inline void ExpectExactly(const FailingInput& input) {
  EXPECT_THAT(ProblemsIn(input.text),
              testing::ElementsAre(testing::AllOf(testing::StartsWith(input.place),
                                                  testing::HasSubstr(input.what),
                                                  testing::HasSubstr(input.mend))));
}

}  // namespace stronghost
