// Gateways that the kernel cannot resolve, and what people are told of any gateway.
#include "agent/decide/resolution.h"

#include <gtest/gtest.h>

#include "agent/decide/gateway_view.h"

namespace stronghost {
namespace {

constexpr absl::Duration kFailback = absl::Seconds(5);

class ResolutionTest : public ::testing::Test {
 protected:
  static IpAddress Gateway(uint8_t n = 254) { return IpAddress::V4(0xc6336400U + n); }
  std::vector<IpAddress> LookAt(bool resolved, bool failed, bool busy = true) {
    return Look(unresolved_, {{Gateway(), resolved, failed}}, busy, kFailback, now_);
  }
  bool Counts() const { return unresolved_.contains(Gateway()); }

  UnresolvedGateways unresolved_;
  absl::Time now_ = absl::FromUnixSeconds(1'000);
};

TEST_F(ResolutionTest, WhomNobodyAskedForIsFine) {
  EXPECT_TRUE(LookAt(false, false).empty());
  EXPECT_FALSE(Counts());
}

TEST_F(ResolutionTest, WhoFailedCountsUntilHeHasAnsweredForLongEnough) {
  LookAt(false, true);
  EXPECT_TRUE(Counts());
  EXPECT_EQ(unresolved_.at(Gateway()).since, now_);
  LookAt(false, false);
  EXPECT_TRUE(Counts()) << "the kernel forgets a failure after a while";
  LookAt(true, false);
  EXPECT_TRUE(unresolved_.at(Gateway()).back());
  now_ += kFailback - absl::Milliseconds(1);
  LookAt(true, false);
  EXPECT_TRUE(Counts());
  now_ += absl::Milliseconds(1);
  LookAt(true, false);
  EXPECT_FALSE(Counts());
}

TEST_F(ResolutionTest, WhoIsLostAgainHasToAnswerAnew) {
  LookAt(false, true);
  now_ += absl::Seconds(1);
  LookAt(true, false);
  now_ += absl::Seconds(4);
  LookAt(false, true);
  EXPECT_FALSE(unresolved_.at(Gateway()).back());
  EXPECT_EQ(unresolved_.at(Gateway()).since, now_);
  now_ += absl::Seconds(1);
  LookAt(true, false);
  now_ += kFailback - absl::Milliseconds(1);
  LookAt(true, false);
  EXPECT_TRUE(Counts());
}

TEST_F(ResolutionTest, TheKernelIsToAskEveryTenSecondsWhileTheGroupIsBusy) {
  LookAt(false, true);
  now_ += kSlowProbe - absl::Milliseconds(1);
  EXPECT_TRUE(LookAt(false, false).empty()) << "it asked itself a moment ago";
  now_ += absl::Milliseconds(1);
  EXPECT_TRUE(LookAt(false, false, /*busy=*/false).empty()) << "RFC 1122: not for nothing";
  EXPECT_EQ(LookAt(false, false), std::vector{Gateway()});
  EXPECT_TRUE(LookAt(false, false).empty());
  now_ += kSlowProbe;
  EXPECT_TRUE(LookAt(true, false).empty()) << "it is there";
}

TEST_F(ResolutionTest, AGatewayThatIsNoneAnyMoreIsForgotten) {
  LookAt(false, true);
  EXPECT_TRUE(Look(unresolved_, {{Gateway(1), false, false}}, true, kFailback, now_).empty());
  EXPECT_TRUE(unresolved_.empty());
}

TEST(GatewayViewTest, ShowsWhatIsWorst) {
  const absl::Time now = absl::FromUnixSeconds(1'000);
  const auto heard = [&](GatewayState state) {
    return GatewayHealth{.state = state, .since = now, .evidence = now - absl::Seconds(1)};
  };
  const GatewayHealth fine = heard(GatewayState::kFine);
  const GatewayHealth dead = heard(GatewayState::kDead);
  const Unresolved lost{.since = now + absl::Seconds(1), .asked = now};
  const Unresolved back{.since = now, .asked = now, .answered = now + absl::Seconds(2)};

  EXPECT_EQ(ViewOf(nullptr, nullptr, PathCause::kUplink).state, "fine") << "not watched";
  EXPECT_EQ(ViewOf(&fine, nullptr, PathCause::kGateway).state, "fine");
  EXPECT_EQ(ViewOf(&fine, nullptr, PathCause::kGateway).cause, PathCause::kNone) << "another one's";
  EXPECT_EQ(ViewOf(&fine, nullptr, PathCause::kNone).heard, now - absl::Seconds(1));
  EXPECT_EQ(ViewOf(&dead, nullptr, PathCause::kUplink).cause, PathCause::kUplink);
  EXPECT_EQ(ViewOf(&dead, &lost, PathCause::kNone).state, "unresolved");
  EXPECT_EQ(ViewOf(&dead, &lost, PathCause::kNone).cause, PathCause::kGateway);
  EXPECT_EQ(ViewOf(nullptr, &lost, PathCause::kSegment).cause, PathCause::kSegment);
  EXPECT_EQ(ViewOf(nullptr, &lost, PathCause::kNone).since, now + absl::Seconds(1));
  EXPECT_EQ(ViewOf(&fine, &back, PathCause::kNone).state, "back");
  EXPECT_EQ(ViewOf(&fine, &back, PathCause::kNone).since, now + absl::Seconds(2));
  EXPECT_EQ(ViewOf(&dead, &back, PathCause::kGateway).state, "dead") << "has a MAC, is not heard";
}

TEST(GatewayViewTest, IsNewsWhenTheStateIsAnotherAndTheCauseIsKnown) {
  const auto view = [](absl::string_view state, PathCause cause = PathCause::kNone) {
    return GatewayView{.state = state, .cause = cause};
  };
  EXPECT_FALSE(IsNews(view("fine"), "fine"));
  EXPECT_FALSE(IsNews(view("probing"), "fine"));
  EXPECT_FALSE(IsNews(view("dead"), "fine")) << "why is known at the next look";
  EXPECT_TRUE(IsNews(view("dead", PathCause::kUplink), "fine"));
  EXPECT_FALSE(IsNews(view("dead", PathCause::kUplink), "dead"));
  EXPECT_TRUE(IsNews(view("dead", PathCause::kGateway), "unresolved"));
  EXPECT_TRUE(IsNews(view("unresolved", PathCause::kGateway), "dead"));
  EXPECT_TRUE(IsNews(view("back"), "dead"));
  EXPECT_TRUE(IsNews(view("fine"), "back"));
  EXPECT_TRUE(IsNews(view("probing"), "unresolved"));
  EXPECT_EQ(ToldState(view("probing")), "fine");
}

}  // namespace
}  // namespace stronghost
