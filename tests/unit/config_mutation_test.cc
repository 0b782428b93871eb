// Whatever is done to a valid file, the outcome is a configuration or a problem, never a crash.
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/config/load.h"
#include "agent/config/validate.h"

namespace stronghost {
namespace {

constexpr int kMutations = 2000;

constexpr const char* kValid = R"([agent]
socket = "/run/stronghost/stronghost.sock"
metrics = "127.0.0.1:9842"
host_model = "strong"

[[group]]
name = "front"
nics = ["eth0", "eth1"]
standby = ["eth2"]
adopt = false
gateways = ["198.51.100.254", "2001:db8::fe", "fe80::1"]
failback = "5s"

  [group.detect]
  carrier_poll = "2ms"
  probe_targets = ["198.51.100.253"]

  [[group.address]]
  ip = "198.51.100.1/24"
  home = "eth0"
  gateway = "198.51.100.253"

  [[group.address]]
  ip = "2001:db8::1/64"
  home = "eth1"

[[group]]
name = "back"
nics = ["eth3"]
)";

// Pieces that a mutation puts somewhere: they reach deeper than random bytes.
constexpr std::array kPieces = {
    "[",           "]",
    "[[",          "\"",
    "\"\"\"",      "=",
    "\n",          ".",
    "{",           "}",
    "#",           "\\u0000",
    "\\",          "\xff",
    "\xc3",        "0",
    "-1",          "1e9",
    "true",        "nan",
    "inf",         "eth0",
    "/0",          "/999",
    "::",          "::ffff:1.2.3.4",
    "fe80::",      "%eth0",
    "224.0.0.1",   "never",
    "group.",      "[agent]\n",
    "[[group]]\n", "0x7f",
    "2024-01-01",  "999999999999999999999",
    "group = 1\n", "a.b.c.d = {}\n",
    "\r",          "\xef\xbb\xbf",
};

class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  std::string Mutate(std::string text) {
    const size_t steps = 1 + Below(3);
    for (size_t i = 0; i < steps; ++i) {
      text = Step(std::move(text));
    }
    return text;
  }

 private:
  size_t Below(size_t limit) {
    return limit == 0 ? 0 : std::uniform_int_distribution<size_t>(0, limit - 1)(random_);
  }

  std::string Step(std::string text) {
    const size_t at = Below(text.size() + 1);
    switch (Below(6)) {
      case 0:  // a byte becomes another
        if (at < text.size()) {
          text[at] = static_cast<char>(Below(256));
        }
        return text;
      case 1:  // some bytes go
        return text.erase(at, 1 + Below(12));
      case 2:  // a piece comes
        return text.insert(at, kPieces[Below(kPieces.size())]);
      case 3:  // some bytes appear elsewhere as well
        return text.insert(Below(text.size() + 1), text.substr(at, 1 + Below(60)));
      case 4:  // the end is lost
        return text.substr(0, at);
      default:
        return MoveLine(text);
    }
  }

  std::string MoveLine(const std::string& text) {
    std::vector<std::string> lines = absl::StrSplit(text, '\n');
    std::swap(lines[Below(lines.size())], lines[Below(lines.size())]);
    return absl::StrJoin(lines, "\n");
  }

  std::mt19937 random_;
};

TEST(ConfigMutation, TheFileItselfIsValid) {
  EXPECT_TRUE(ParseConfig(kValid, "f").ok());
}

TEST(ConfigMutation, EveryMutationIsAConfigOrAProblem) {
  int valid = 0;
  int invalid = 0;
  for (unsigned seed = 0; seed < kMutations; ++seed) {
    const std::string text = Mutator(seed).Mutate(kValid);
    SCOPED_TRACE(absl::StrCat("seed ", seed, ":\n", text));
    const LoadedConfig loaded = ParseConfig(text, "f");
    if (loaded.ok()) {
      ++valid;
      EXPECT_TRUE(ValidateConfig(loaded.config, SourceMap()).empty());
      continue;
    }
    ++invalid;
    Position last;
    for (const ConfigProblem& problem : loaded.problems) {
      EXPECT_EQ(problem.file, "f");
      EXPECT_FALSE(problem.message.empty());
      EXPECT_EQ(problem.message.find('\n'), std::string::npos);
      const Position position{problem.line, problem.column};
      EXPECT_GE(position, (Position{1, 1}));
      EXPECT_GE(position, last) << "in the order of the file";
      last = position;
    }
  }
  // Both outcomes have to occur, or the test proves nothing.
  EXPECT_GT(valid, kMutations / 50);
  EXPECT_GT(invalid, kMutations / 4);
}

}  // namespace
}  // namespace stronghost
