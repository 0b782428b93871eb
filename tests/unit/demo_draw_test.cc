// The demo's pictures: from figures to text and SVG.
#include "absl/strings/str_split.h"
#include "agent/cli/text.h"
#include "demo/report.h"
#include "demo/score.h"
#include "demo/svg.h"
#include "demo/timeline.h"
#include "demo/track.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stronghost::demo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr int64_t kSecond = 1'000'000'000;

// Ten seconds with a pull from 2 to 7; nothing of the first track arrives meanwhile, one packet of
// the second is lost.
Picture TenSeconds(const std::string& title) {
  return {.title = title,
          .moments = {.length = 10, .pulled = 2, .plugged = 7, .home = 9.5},
          .tracks = {{.label = "IPv4", .note = "", .gaps = {{.begin = 2, .end = 7, .lost = 5000}}},
                     {.label = "IPv6", .note = "", .gaps = {{.begin = 2, .end = 2.001, .lost = 1}}},
                     {.label = "TCP", .note = "", .gaps = {}}}};
}

std::vector<std::string> Lines(const std::string& text) {
  return absl::StrSplit(text, '\n');
}

int Times(absl::string_view part, absl::string_view text) {
  int times = 0;
  for (size_t at = text.find(part); at != absl::string_view::npos;
       at = text.find(part, at + part.size())) {
    ++times;
  }
  return times;
}

TEST(Track, CoveredShareAddsUpWhatOverlaps) {
  const Track track{.label = "", .note = "", .gaps = {{0, 1, 0}, {3, 4, 0}}};
  EXPECT_DOUBLE_EQ(CoveredShare(track, 0, 4), 0.5);
  EXPECT_DOUBLE_EQ(CoveredShare(track, 0.5, 1.5), 0.5);
  EXPECT_DOUBLE_EQ(CoveredShare(track, 1, 3), 0);
  EXPECT_DOUBLE_EQ(CoveredShare(track, 2, 2), 0);
}

TEST(Track, AGapWithoutLengthIsSeenInOneStretchOnly) {
  const Track track{.label = "", .note = "", .gaps = {{1, 1, 1}}};
  EXPECT_TRUE(HasGap(track, 1, 2));
  EXPECT_FALSE(HasGap(track, 0, 1));
  EXPECT_FALSE(HasGap(track, 2, 3));
}

TEST(Track, ALossSpanLastsUntilTheNextPacketWasSent) {
  lab::StreamResult result;
  result.loss_spans = {{.first = 10,
                        .last = 12,
                        .first_sent_ns = 5 * kSecond,
                        .last_sent_ns = 5 * kSecond + 2'000'000}};
  EXPECT_THAT(LossGaps(result, 4 * kSecond, 0.001), ElementsAre(Gap{1, 1.003, 3}));
}

TEST(Score, LossIsSplitAtTheMomentWhenTheCableIsBack) {
  lab::StreamResult result{.sent = 100, .lost = 15, .longest_gap_ns = 7};
  result.loss_spans = {
      {.first = 1, .last = 2, .first_sent_ns = 1, .last_sent_ns = 2},       // before
      {.first = 10, .last = 20, .first_sent_ns = 10, .last_sent_ns = 20},   // around it
      {.first = 40, .last = 41, .first_sent_ns = 40, .last_sent_ns = 41}};  // behind it
  StreamScore score;
  score.Add(result, 15);
  EXPECT_EQ(score.lost, 15U);
  EXPECT_EQ(score.lost_after, 6U + 2U);
  result.longest_gap_ns = 3;
  score.Add(result, 50);
  EXPECT_EQ(score.sent, 200U);
  EXPECT_EQ(score.lost_after, 8U);
  EXPECT_EQ(score.longest_gap_ns, 7) << "the longest of all";
}

TEST(Timeline, NothingIsShadedPartIsLowerAndTheRestIsHigh) {
  const std::vector<std::string> lines =
      Lines(DrawTimelines(TenSeconds("plain"), TenSeconds("ours"), 109, /*color=*/false));
  ASSERT_GE(lines.size(), 6U);
  EXPECT_THAT(lines[0], HasSubstr("plain"));
  EXPECT_THAT(lines[1], StartsWith("IPv4"));
  EXPECT_EQ(Times("░", lines[1]), 2 * 25) << "half of each panel of 50 cells";
  EXPECT_EQ(Times("▇", lines[1]), 2 * 25);
  EXPECT_EQ(Times("▇", lines[2]), 2 * 49) << "one packet must be seen";
  EXPECT_EQ(Times("▇", lines[3]), 2 * 50);
  EXPECT_EQ(Times("▲", lines[4]), 2 * 3);
  for (const std::string& line : lines) {
    EXPECT_LE(Width(line), 109U) << line;
  }
}

TEST(Timeline, ColourIsForThoseWhoWantIt) {
  const Picture picture = TenSeconds("a");
  EXPECT_THAT(DrawTimelines(picture, picture, 100, false), Not(HasSubstr("\x1b[")));
  EXPECT_THAT(DrawTimelines(picture, picture, 100, true), HasSubstr("\x1b["));
}

TEST(Svg, HasABarForEachGapAndEscapesText) {
  Picture picture = TenSeconds("a < b & c");
  const std::string svg = DrawSvg({picture}, "captured");
  EXPECT_THAT(svg, StartsWith("<svg"));
  EXPECT_THAT(svg, HasSubstr("a &lt; b &amp; c"));
  EXPECT_THAT(svg, HasSubstr("captured"));
  const int gaps = Times("class=\"lost\"", svg);
  picture.tracks[2].gaps = {{5, 6, 0}};
  EXPECT_EQ(Times("class=\"lost\"", DrawSvg({picture}, "captured")), gaps + 1);
}

TEST(Report, NumbersAreForPeople) {
  EXPECT_EQ(Milliseconds(800'000), "0.8 ms");
  EXPECT_EQ(Milliseconds(12'400'000), "12 ms");
  EXPECT_EQ(Milliseconds(6'012'000'000), "6,012 ms");
  EXPECT_EQ(Thousands(0), "0");
  EXPECT_EQ(Thousands(999), "999");
  EXPECT_EQ(Thousands(1'000), "1,000");
  EXPECT_EQ(Thousands(1'234'567), "1,234,567");
}

TEST(Report, TheTableTellsBothHosts) {
  HostScore plain{.name = "plain Linux"};
  plain.arp = {
      {.address = "198.51.100.1", .asked = 100, .answers = 200, .not_owner = 100, .macs = 2}};
  plain.way_out = {.left = 4000, .left_wrong = 1000};
  plain.cable.ipv4 = {.sent = 20'000, .lost = 5'000, .longest_gap_ns = 5 * kSecond};
  plain.cable.tcp = {.sessions = 2, .moving = 0, .alive = 2};
  HostScore ours = plain;
  ours.name = "with Stronghost";
  ours.arp[0] = {.address = "198.51.100.1", .asked = 100, .answers = 100, .macs = 1};
  ours.cable.ipv4 = {.sent = 20'000, .lost = 1, .longest_gap_ns = 1'100'000};
  const std::string table = DrawTable(plain, ours, /*color=*/false);
  EXPECT_THAT(table, testing::ContainsRegex("ARP answers.*198.51.100.1 +2.00 from 2 MACs +1.00"));
  EXPECT_THAT(table, testing::ContainsRegex("IPv4 packets lost +5,000 of 20,000 +1 of 20,000"));
  EXPECT_THAT(table, testing::ContainsRegex("1,000 of 4,000"));
  EXPECT_THAT(table, testing::ContainsRegex("5,000 ms +1.1 ms"));
}

}  // namespace
}  // namespace stronghost::demo
