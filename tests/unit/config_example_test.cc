// The documentation keeps its promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/config/load.h"

namespace stronghost {
namespace {

constexpr const char* kExample = SH_SOURCE_DIR "/docs/stronghost.toml.example";
constexpr const char* kManual = SH_SOURCE_DIR "/docs/man/stronghost.toml.5.md";

std::string ReadAll(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<std::string> Texts(const LoadedConfig& loaded) {
  std::vector<std::string> texts;
  for (const ConfigProblem& problem : loaded.problems) {
    texts.push_back(problem.ToString());
  }
  return texts;
}

TEST(ConfigExample, LoadsWithoutAProblem) {
  const LoadedConfig loaded = LoadConfig(kExample);
  EXPECT_THAT(Texts(loaded), testing::IsEmpty());
  EXPECT_FALSE(loaded.config.groups.empty());
}

// Settings that the example shows commented out ("#key = ...") are valid as well, and the whole
// then holds every key there is.
TEST(ConfigExample, LoadsWithEverySettingThatIsCommentedOut) {
  std::vector<std::string> lines;
  for (const auto line : absl::StrSplit(ReadAll(kExample), '\n')) {
    const size_t start = line.find_first_not_of(' ');
    const bool setting = start != absl::string_view::npos && line[start] == '#' &&
                         line.size() > start + 1 && line[start + 1] != ' ';
    lines.emplace_back(setting ? line.substr(start + 1) : line);
  }
  const std::string text = absl::StrJoin(lines, "\n");
  const LoadedConfig loaded = ParseConfig(text, kExample);
  EXPECT_THAT(Texts(loaded), testing::IsEmpty());
  for (const char* path : {"agent.socket",
                           "agent.pin_dir",
                           "agent.state_dir",
                           "agent.metrics",
                           "agent.host_model",
                           "agent.tc",
                           "agent.cgroup",
                           "agent.reply_source_except",
                           "group[0].name",
                           "group[0].nics",
                           "group[0].standby",
                           "group[0].adopt",
                           "group[0].mac",
                           "group[0].xdp",
                           "group[0].gateways",
                           "group[0].failback",
                           "group[0].relocate_after",
                           "group[0].conflict",
                           "group[0].flap_limit",
                           "group[0].policy_rules",
                           "group[0].detect.carrier_poll",
                           "group[0].detect.probe",
                           "group[0].detect.probe_targets",
                           "group[0].address[0].ip",
                           "group[0].address[0].home",
                           "group[0].address[0].gateway",
                           "group[0].prefix[0].prefix",
                           "group[0].prefix[0].home"}) {
    // An absent key has the position of the table around it, as "KEY#" has.
    EXPECT_NE(loaded.sources.Find(path), loaded.sources.Find(path + std::string("#"))) << path;
  }
}

// The values that the example calls defaults are the defaults.
TEST(ConfigExample, AgentSettingsShownAreTheDefaults) {
  const Config config = LoadConfig(kExample).config;
  const Config defaults;
  EXPECT_EQ(config.socket, defaults.socket);
  EXPECT_EQ(config.pin_dir, defaults.pin_dir);
  EXPECT_EQ(config.state_dir, defaults.state_dir);
  EXPECT_EQ(config.metrics, defaults.metrics);
  EXPECT_EQ(config.host_model, defaults.host_model);
  EXPECT_EQ(config.tc, defaults.tc);
  EXPECT_EQ(config.cgroup, defaults.cgroup);
  EXPECT_EQ(config.reply_mark, defaults.reply_mark);
}

// Each ```toml block of the manual is a file that loads.
TEST(ConfigManual, ExamplesLoadWithoutAProblem) {
  const std::string manual = ReadAll(kManual);
  int blocks = 0;
  size_t at = 0;
  while ((at = manual.find("```toml\n", at)) != std::string::npos) {
    const size_t begin = at + 8;
    at = manual.find("```\n", begin);
    ASSERT_NE(at, std::string::npos);
    EXPECT_THAT(Texts(ParseConfig(manual.substr(begin, at - begin), kManual)), testing::IsEmpty());
    ++blocks;
  }
  EXPECT_GE(blocks, 2);
}

}  // namespace
}  // namespace stronghost
