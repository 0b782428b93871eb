#include "agent/config/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "agent/base/status.h"
#include "agent/config/names.h"

namespace stronghost {
namespace {

using testing::HasSubstr;

TEST(ParseTime, TakesUnitsAndNever) {
  EXPECT_EQ(*ParseTime("5s", Never::kRefused), absl::Seconds(5));
  EXPECT_EQ(*ParseTime("2ms", Never::kRefused), absl::Milliseconds(2));
  EXPECT_EQ(*ParseTime("1m30s", Never::kRefused), absl::Seconds(90));
  EXPECT_EQ(*ParseTime("0", Never::kRefused), absl::ZeroDuration());
  EXPECT_EQ(*ParseTime("1.5h", Never::kAllowed), absl::Minutes(90));
  EXPECT_EQ(*ParseTime("never", Never::kAllowed), absl::InfiniteDuration());
}

TEST(ParseTime, RefusesEverythingElse) {
  for (const char* text :
       {"", "5", "s", "5 s", "five", "inf", "-inf", "5s!", "Never", "99999999999999999999h"}) {
    EXPECT_FALSE(ParseTime(text, Never::kAllowed).ok()) << text;
  }
  EXPECT_THAT(Message(ParseTime("never", Never::kRefused).status()), HasSubstr("write a time"));
  EXPECT_THAT(Message(ParseTime("5", Never::kAllowed).status()), HasSubstr("\"never\""));
  EXPECT_THAT(Message(ParseTime("5", Never::kRefused).status()), Not(HasSubstr("\"never\"")));
}

TEST(CheckNicName, FollowsTheKernel) {
  for (const char* name : {"eth0", "e", "enp3s0f1np1", "eth0.100", "br-lan", "abcdefghijklmno"}) {
    EXPECT_TRUE(CheckNicName(name).ok()) << name;
  }
  for (const char* name : {"", ".", "..", "a/b", "a:b", "a b", "a\tb", "abcdefghijklmnop"}) {
    EXPECT_FALSE(CheckNicName(name).ok()) << name;
  }
}

TEST(CheckHostPort, TakesAddressesAndNames) {
  for (const char* text : {"127.0.0.1:9842", "[::1]:1", "localhost:65535", "a-b.example:80"}) {
    EXPECT_TRUE(CheckHostPort(text).ok()) << text;
  }
  for (const char* text : {"", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
                           "127.0.0.1:+80", "127.0.0.1: 80", "127.0.0.300:80", "::1:80",
                           "[127.0.0.1]:80", "[]:80", "[::1]80", "a b:80", "http://a:80"}) {
    EXPECT_FALSE(CheckHostPort(text).ok()) << text;
  }
}

template <typename Enum>
void ExpectDistinctNames(size_t count) {
  ASSERT_EQ(EnumNames<Enum>().size(), count);
  for (size_t i = 0; i < count; ++i) {
    const EnumName<Enum>& entry = EnumNames<Enum>()[i];
    EXPECT_EQ(static_cast<size_t>(entry.value), i) << "in the order of declaration";
    EXPECT_EQ(NameOf(entry.value), entry.name);
  }
}

TEST(EnumNames, EveryValueHasItsWord) {
  ExpectDistinctNames<HostModel>(2);
  ExpectDistinctNames<MacMode>(3);
  ExpectDistinctNames<XdpMode>(4);
  ExpectDistinctNames<TcMode>(3);
  ExpectDistinctNames<ProbeMode>(3);
  EXPECT_EQ(NameOf(ProbeMode::kOnSuspicion), "on-suspicion");
}

}  // namespace
}  // namespace stronghost
