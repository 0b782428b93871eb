// The frames by which NICs call each other.
#include "agent/observe/segment_probe.h"

#include <gtest/gtest.h>

namespace stronghost {
namespace {

constexpr MacAddress kMac = {{2, 0, 0, 0, 0, 7}};
constexpr ProbeNonce kNonce = {1, 2, 3, 4, 5, 6, 7, 8};
constexpr IfIndex kSpeaker{0x01020304};

TEST(ProbeFrame, IsAShortBroadcastOfTheExperimentalEtherType) {
  const ProbeFrame frame = MakeProbeFrame(kMac, kNonce, kSpeaker, 2);
  const std::string text(frame.begin(), frame.end());
  EXPECT_EQ(frame.size(), 60U);
  EXPECT_EQ(text.substr(0, 6), "\xff\xff\xff\xff\xff\xff");
  EXPECT_EQ(text.substr(6, 6), std::string("\x02\0\0\0\0\x07", 6));
  EXPECT_EQ(text.substr(12, 2), "\x88\xb5");
  EXPECT_EQ(text.substr(14, 18), "stronghost suggest");
  EXPECT_EQ(text.substr(32, 8), "\x01\x02\x03\x04\x05\x06\x07\x08");
  EXPECT_EQ(text.substr(40, 4), "\x01\x02\x03\x04");
  EXPECT_EQ(text[44], 2);
  EXPECT_EQ(text.substr(45), std::string(15, '\0'));
}

TEST(ProbeFrame, TellsItsSpeaker) {
  const ProbeFrame frame = MakeProbeFrame(kMac, kNonce, kSpeaker, 0);
  EXPECT_EQ(SpeakerOf(frame, kNonce), kSpeaker);
}

TEST(ProbeFrame, EveryOtherFrameTellsNothing) {
  const ProbeFrame frame = MakeProbeFrame(kMac, kNonce, kSpeaker, 0);
  for (size_t size = 0; size < 45; ++size) {
    EXPECT_EQ(SpeakerOf(absl::MakeSpan(frame).first(size), kNonce), std::nullopt) << size;
  }
  for (size_t at = 12; at < 40; ++at) {  // EtherType, text, nonce
    ProbeFrame other = frame;
    other[at] ^= 0x80;
    EXPECT_EQ(SpeakerOf(other, kNonce), std::nullopt) << at;
  }
}

TEST(ProbeSegments, OneNicAloneHasNobodyToCall) {
  const auto hearing = ProbeSegments({{.link = IfIndex{1}, .name = "none", .mac = kMac}});
  ASSERT_TRUE(hearing.ok());
  EXPECT_EQ(*hearing, Hearing{});
}

}  // namespace
}  // namespace stronghost
