#include "agent/config/spelling.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace stronghost {
namespace {

TEST(EditDistance, CountsTheFourEdits) {
  EXPECT_EQ(EditDistance("", ""), 0U);
  EXPECT_EQ(EditDistance("", "abc"), 3U);
  EXPECT_EQ(EditDistance("abc", ""), 3U);
  EXPECT_EQ(EditDistance("socket", "soket"), 1U);
  EXPECT_EQ(EditDistance("socket", "sockets"), 1U);
  EXPECT_EQ(EditDistance("socket", "sacket"), 1U);
  EXPECT_EQ(EditDistance("socket", "sokcet"), 1U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
  EXPECT_EQ(EditDistance("Pin-Dir", "pin_dir"), 0U);
}

TEST(NearestWord, IsNoneWhenNothingIsNear) {
  const std::vector<absl::string_view> words = {"name", "nics", "mac"};
  EXPECT_EQ(NearestWord("nic", words), "nics");
  EXPECT_EQ(NearestWord("nmae", words), "name");
  EXPECT_EQ(NearestWord("MAC", words), "mac");
  EXPECT_EQ(NearestWord("colour", words), std::nullopt);
  EXPECT_EQ(NearestWord("", words), std::nullopt);
  EXPECT_EQ(NearestWord(std::string(100000, 'n'), words), std::nullopt);
  EXPECT_EQ(NearestWord("name", {}), std::nullopt);
}

}  // namespace
}  // namespace stronghost
