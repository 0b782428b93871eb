#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/bench/figures.h"
#include "tests/bench/report.h"

namespace stronghost::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(BenchFigures, QuantilesInterpolateAndDoNotCareForOrder) {
  EXPECT_DOUBLE_EQ(Quantile({3, 1, 2}, 0.5), 2);
  EXPECT_DOUBLE_EQ(Quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(Quantile({1, 2, 3, 4, 5}, 0.9), 4.6);
  EXPECT_DOUBLE_EQ(Quantile({7}, 0.25), 7);
}

TEST(BenchFigures, QuantilesOutsideZeroToOneAreTheEnds) {
  EXPECT_DOUBLE_EQ(Quantile({5, 9}, 0), 5);
  EXPECT_DOUBLE_EQ(Quantile({5, 9}, 1), 9);
  EXPECT_DOUBLE_EQ(Quantile({5, 9}, 2), 9);
  EXPECT_DOUBLE_EQ(Quantile({5, 9}, -1), 5);
}

TEST(BenchFigures, NoValuesAreNoFigure) {
  EXPECT_TRUE(std::isnan(Quantile({}, 0.5)));
  EXPECT_TRUE(std::isnan(Summarise({}).median));
}

TEST(BenchFigures, SummaryHoldsMedianAndQuartiles) {
  const Summary summary = Summarise({1, 2, 3, 4, 5});
  EXPECT_DOUBLE_EQ(summary.lower, 2);
  EXPECT_DOUBLE_EQ(summary.median, 3);
  EXPECT_DOUBLE_EQ(summary.upper, 4);
  EXPECT_EQ(WithQuartiles({1, 2, 3, 4, 5}, 1), "3.0 [2.0 .. 4.0]");
}

TEST(BenchFigures, RoundsArePairedUpToTheShorterSeries) {
  EXPECT_THAT(Ratios({4, 9, 1}, {2, 3}), ElementsAre(2, 3));
  EXPECT_THAT(Differences({4, 9}, {2, 3, 5}), ElementsAre(2, 6));
}

TEST(BenchReport, LimitsAreMetAtTheLimitItself) {
  EXPECT_EQ(AtMost("w", "f", "p", 1.5, 1.5).met, true);
  EXPECT_EQ(AtMost("w", "f", "p", 1.51, 1.5).met, false);
  EXPECT_EQ(AtLeast("w", "f", "p", 0.98, 0.98).met, true);
  EXPECT_EQ(AtLeast("w", "f", "p", 0.979, 0.98).met, false);
}

TEST(BenchReport, AMissedGoalStandsOut) {
  const Report report{.title = "T", .how = "How.", .rows = {AtMost("w", "f", "p", 2, 1.5)}};
  EXPECT_EQ(report.ToMarkdown(),
            "### T\n\nHow.\n\n"
            "| what | figure | peer | ratio | goal | met |\n"
            "| --- | --- | --- | --- | --- | --- |\n"
            "| w | f | p | 2 | at most 1.5 | **no** |\n");
}

TEST(BenchReport, ARowWithoutGoalSaysNeitherYesNorNo) {
  const Report report{.title = "T", .how = "How.", .rows = {{.what = "w", .figure = "f"}}};
  EXPECT_THAT(report.ToMarkdown(), HasSubstr("| w | f | - | - | - | - |\n"));
}

TEST(BenchReport, CellsKeepTheTableWhole) {
  const Report report{.title = "T",
                      .how = "How.",
                      .details = {.head = {"a", "b"}, .lines = {{"x|y", ""}}},
                      .notes = {"A note."}};
  EXPECT_THAT(report.ToMarkdown(), HasSubstr("| a | b |\n| --- | --- |\n| x\\|y | - |\n"));
  EXPECT_THAT(report.ToMarkdown(), HasSubstr("\n- A note.\n"));
  EXPECT_THAT(report.ToMarkdown(), Not(HasSubstr("met")));
}

}  // namespace
}  // namespace stronghost::bench
