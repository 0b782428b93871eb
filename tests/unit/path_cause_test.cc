// What is broken, from what each NIC hears.
#include "agent/decide/path_cause.h"

#include <gtest/gtest.h>

namespace stronghost {
namespace {

constexpr PathView kGood{.gateways = 2, .proven = true, .others = true};
constexpr PathView kIdle{.gateways = 2};
constexpr PathView kGone{.there = false, .carrier = false};
constexpr PathView kPulled{.carrier = false};
constexpr PathView kDeaf{.gateways = 2, .dead = 2};
constexpr PathView kOnlyOthers{.gateways = 2, .dead = 2, .others = true};
constexpr PathView kOneDead{.gateways = 2, .dead = 1, .proven = true};
constexpr PathView kNotKnownYet{.gateways = 2, .dead = 1, .probing = 1};
constexpr PathView kSetAside{.gateways = 2, .set_aside = true};

struct Row {
  const char* what;
  PathView nic;
  PathView sibling;
  PathCause cause;
};

const Row kRows[] = {
    {"all is well", kGood, kGood, PathCause::kNone},
    {"nothing is known", kIdle, kIdle, PathCause::kNone},
    {"the NIC is gone", kGone, kGood, PathCause::kNic},
    {"the cable is out", kPulled, kGood, PathCause::kCable},
    {"the cable is out, and the sibling deaf", kPulled, kDeaf, PathCause::kCable},
    {"the sibling reaches a gateway", kDeaf, kGood, PathCause::kUplink},
    {"hosts of its own switch are heard", kOnlyOthers, kGood, PathCause::kUplink},
    {"set aside, the sibling idle since", kSetAside, kIdle, PathCause::kUplink},
    {"no gateway anywhere, hosts are heard", kOnlyOthers, kOnlyOthers, PathCause::kGateway},
    {"no gateway anywhere, the sibling hears hosts", kDeaf, kOnlyOthers, PathCause::kGateway},
    {"the sibling knows nothing, but hosts are heard", kOnlyOthers, kIdle, PathCause::kGateway},
    {"one gateway of two", kOneDead, kGood, PathCause::kGateway},
    {"the other gateway is being asked", kNotKnownYet, kGood, PathCause::kNone},
    {"nobody on any NIC", kDeaf, kDeaf, PathCause::kSegment},
    {"nobody, the sibling's cable out", kDeaf, kPulled, PathCause::kSegment},
    {"nobody, the sibling is gone but was proven",
     kDeaf,
     {.there = false, .proven = true},
     PathCause::kSegment},
    {"the sibling's trouble is not its own", kGood, kDeaf, PathCause::kNone},
};

TEST(PathCauseTest, IsToldFromWhatEachNicHears) {
  for (const Row& row : kRows) {
    EXPECT_EQ(ToString(CauseOf({row.nic, row.sibling}, 0)), ToString(row.cause)) << row.what;
    EXPECT_EQ(ToString(CauseOf({row.sibling, row.nic}, 1)), ToString(row.cause)) << row.what;
  }
}

TEST(PathCauseTest, EveryCauseHasAMend) {
  for (const PathCause cause : {PathCause::kNic, PathCause::kCable, PathCause::kUplink,
                                PathCause::kGateway, PathCause::kSegment}) {
    EXPECT_NE(Mend(cause, "eth0", "198.51.100.254").find("look after"),
              cause == PathCause::kNic ? 0 : std::string::npos);
    EXPECT_FALSE(ToString(cause).empty());
  }
}

}  // namespace
}  // namespace stronghost
