// Who is in one segment with whom, by what was heard and by subnet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/unit/suggest_world.h"

namespace stronghost {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr IfIndex k1{1};
constexpr IfIndex k2{2};
constexpr IfIndex k3{3};
constexpr IfIndex k4{4};

using Pairs = std::set<std::pair<IfIndex, IfIndex>>;

class SegmentsTest : public ::testing::Test {
 protected:
  SegmentsTest() {
    for (uint8_t i = 1; i <= 4; ++i) {
      world_.AddLink(i, absl::StrCat("n", i));
    }
  }
  std::vector<Segment> Segments() {
    return SegmentsByHearing({k1, k2, k3, k4}, world_.hearing, world_.host.facts);
  }
  static std::vector<std::vector<IfIndex>> NicsOf(const std::vector<Segment>& segments) {
    std::vector<std::vector<IfIndex>> nics;
    for (const Segment& segment : segments) {
      nics.push_back(segment.nics);
    }
    return nics;
  }

  SuggestWorld world_;
};

using Nics = std::vector<IfIndex>;

TEST_F(SegmentsTest, TableOfWhoHeardWhom) {
  struct Row {
    std::string what;
    Pairs heard;
    std::set<IfIndex> silent;
    std::vector<Nics> segments;
  };
  const std::vector<Row> rows = {
      {"nobody heard anything", {}, {}, {{k1}, {k2}, {k3}, {k4}}},
      {"a pair", {{k1, k2}, {k2, k1}}, {}, {{k1, k2}, {k3}, {k4}}},
      {"two pairs", {{k1, k3}, {k3, k1}, {k2, k4}, {k4, k2}}, {}, {{k1, k3}, {k2, k4}}},
      {"one way only", {{k1, k2}}, {}, {{k1}, {k2}, {k3}, {k4}}},
      {"a chain", {{k4, k2}, {k2, k4}, {k2, k1}, {k1, k2}}, {}, {{k1, k2, k4}, {k3}}},
      {"two chains that meet late",
       {{k1, k2}, {k2, k1}, {k3, k4}, {k4, k3}, {k2, k4}, {k4, k2}},
       {},
       {{k1, k2, k3, k4}}},
      {"one sent nothing, and heard", {{k1, k2}}, {k2}, {{k1, k2}, {k3}, {k4}}},
      {"one sent nothing, and was not heard", {}, {k2}, {{k1}, {k2}, {k3}, {k4}}},
      {"two sent nothing", {}, {k1, k2}, {{k1}, {k2}, {k3}, {k4}}},
      {"a loop joins nobody", {{k1, k1}}, {}, {{k1}, {k2}, {k3}, {k4}}},
  };
  for (const Row& row : rows) {
    world_.hearing.heard = row.heard;
    world_.hearing.silent = row.silent;
    EXPECT_EQ(NicsOf(Segments()), row.segments) << row.what;
  }
}

TEST_F(SegmentsTest, SubnetsDoNotCount) {
  world_.AddAddress(1, "198.51.100.1/24");
  world_.AddAddress(2, "203.0.113.1/24");
  world_.Hear({1, 2});
  const auto segments = Segments();
  EXPECT_THAT(segments[0].nics, ElementsAre(k1, k2));
  EXPECT_THAT(segments[0].notes, IsEmpty());
}

TEST_F(SegmentsTest, OneSubnetInTwoSegmentsIsNotedInBoth) {
  world_.AddAddress(1, "198.51.100.1/24");
  world_.AddAddress(2, "198.51.100.2/24");
  world_.AddAddress(3, "2001:db8::3/64");
  world_.Hear({1, 3});
  const auto segments = Segments();
  EXPECT_THAT(segments[0].notes,
              ElementsAre(AllOf(HasSubstr("n2 has addresses in 198.51.100.0/24"),
                                HasSubstr("isolated ports of one switch, or two switches"))));
  EXPECT_THAT(segments[1].notes, ElementsAre(HasSubstr("n1 has addresses in 198.51.100.0/24")));
  EXPECT_THAT(segments[2].notes, IsEmpty());
}

TEST_F(SegmentsTest, OneWayIsSaidOnBothSides) {
  world_.hearing.heard = {{k1, k2}};
  const auto segments = Segments();
  const auto note = HasSubstr("n2 heard n1, but n1 did not hear n2");
  EXPECT_THAT(segments[0].notes, ElementsAre(AllOf(note, HasSubstr("not taken for one segment"))));
  EXPECT_THAT(segments[1].notes, ElementsAre(note));
}

TEST_F(SegmentsTest, OneWayWithinASegmentIsSaidOnce) {
  world_.Hear({1, 2, 3});
  world_.hearing.heard.erase({k3, k1});
  EXPECT_THAT(Segments()[0].notes,
              ElementsAre(AllOf(HasSubstr("n3 heard n1, but n1 did not hear n3"),
                                HasSubstr("other NICs join the two"))));
}

TEST_F(SegmentsTest, WhoIsJoinedByOthersOnlyIsSaid) {
  world_.Hear({1, 2});
  world_.Hear({2, 3});
  EXPECT_THAT(Segments()[0].notes,
              ElementsAre(HasSubstr("n1 and n3 did not hear each other and are joined by other")));
}

TEST_F(SegmentsTest, ALoopIsSaid) {
  world_.Hear({1, 2});
  world_.hearing.heard.insert({k2, k2});
  EXPECT_THAT(Segments()[0].notes, ElementsAre(HasSubstr("n2 heard its own frame")));
}

TEST_F(SegmentsTest, WhoSentNothingIsSaidWithTheReason) {
  world_.hearing.heard = {{k1, k2}};
  world_.hearing.silent = {k2};
  world_.hearing.failures[k2] = "send on n2: Network is down";
  EXPECT_THAT(Segments()[0].notes,
              ElementsAre(HasSubstr("n2 took no full part in the exchange: send on n2: Network is"),
                          HasSubstr("n2 sent nothing: that it heard n1 is all")));
}

TEST_F(SegmentsTest, BySubnetIsTransitiveToo) {
  world_.AddAddress(1, "198.51.100.1/24");
  world_.AddAddress(2, "198.51.100.2/24");
  world_.AddAddress(2, "2001:db8::2/64");
  world_.AddAddress(3, "2001:db8::3/64");
  world_.AddAddress(4, "203.0.113.1/24");
  EXPECT_EQ(NicsOf(SegmentsBySubnet({k1, k2, k3, k4}, world_.host.facts)),
            (std::vector<Nics>{{k1, k2, k3}, {k4}}));
}

TEST_F(SegmentsTest, WhatTellsNothingOfASubnet) {
  for (const char* ip :
       {"fe80::%d/64", "169.254.7.%d/16", "198.51.100.%d/32", "2001:db8::%d/128"}) {
    world_.host.facts.addresses.clear();
    for (uint32_t i = 1; i <= 2; ++i) {
      std::string text = ip;
      text.replace(text.find("%d"), 2, std::to_string(i));
      world_.AddAddress(i, text);
    }
    EXPECT_EQ(NicsOf(SegmentsBySubnet({k1, k2}, world_.host.facts)),
              (std::vector<Nics>{{k1}, {k2}}))
        << ip;
  }
}

}  // namespace
}  // namespace stronghost
