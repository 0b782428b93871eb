// Text for TOML: whatever a NIC is called, the file can be read back.
#include "agent/suggest/toml_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/config/document.h"

namespace stronghost {
namespace {

using ::testing::HasSubstr;

TEST(TomlText, TakesUtf8WithoutControlCharacters) {
  for (const char* good :
       {"eth0", "", "a\"b\\c'd#e", "n\u00e4t", "\u4e2d\u6587", "\U0001f408", "x=[1]"}) {
    EXPECT_TRUE(IsTomlText(good)) << good;
  }
  for (const char* bad :
       {"a\x01", "a\nb", "a\x7f", "\x80", "a\xff", "\xc3", "\xc0\xaf", "\xe0\x80\xaf",
        "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe4\xb8", "\xc2\x9b"}) {
    EXPECT_FALSE(IsTomlText(bad)) << absl::CHexEscape(bad);
  }
}

TEST(TomlText, StringsReadBackAsTheyWere) {
  for (const std::string text :
       {"eth0", "a\"b", "a\\b", "\\\"", "it's", "#no comment", "x]\"", "n\u00e4t0", "\u4e2d",
        "\U0001f408", "tab?", "${x}", "a,b", "", "\\u0041"}) {
    const TomlDocument document = ParseToml(absl::StrCat("key = ", TomlString(text), "\n"), "f");
    ASSERT_FALSE(document.problem.has_value()) << text << ": " << document.problem->ToString();
    EXPECT_EQ(document.root.Find("key")->text, text);
  }
}

TEST(TomlText, ListsReadBackToo) {
  const TomlDocument document = ParseToml("key = " + TomlList({"a\"", "b\\", "c"}), "f");
  ASSERT_FALSE(document.problem.has_value());
  ASSERT_EQ(document.root.Find("key")->items.size(), 3U);
  EXPECT_EQ(document.root.Find("key")->items[0].text, "a\"");
  EXPECT_EQ(document.root.Find("key")->items[1].text, "b\\");
  EXPECT_EQ(TomlList({}), "[]");
}

TEST(TomlText, CommentsAreFoldedAndStayComments) {
  EXPECT_EQ(TomlComment("short"), "# short\n");
  EXPECT_EQ(TomlComment("short", 2, "- "), "  # - short\n");
  EXPECT_EQ(TomlComment("a\nb = 1\x01\xff"), "# a?b = 1??\n");
  const std::string folded = TomlComment(
      "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
      "sixteen seventeen eighteen nineteen twenty",
      2, "- ");
  EXPECT_EQ(
      folded,
      "  # - one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
      "fifteen\n  #   sixteen seventeen eighteen nineteen twenty\n");
  const std::string word(200, 'x');  // never broken
  EXPECT_EQ(TomlComment("a " + word + " b"), absl::StrCat("# a\n# ", word, "\n# b\n"));
}

}  // namespace
}  // namespace stronghost
