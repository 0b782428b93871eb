#include "agent/base/net_types.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <array>
#include <string>
#include <vector>

#include "absl/hash/hash_testing.h"

namespace stronghost {
namespace {

IpAddress Ip(const char* text) {
  return IpAddress::Parse(text).value();
}
IpPrefix Prefix(const char* text) {
  return IpPrefix::Parse(text).value();
}
MacAddress Mac(const char* text) {
  return MacAddress::Parse(text).value();
}

TEST(MacAddress, ParsesAndPrints) {
  const MacAddress mac = Mac("02:00:5E:10:00:a1");
  EXPECT_EQ(mac.bytes, (std::array<uint8_t, 6>{0x02, 0x00, 0x5e, 0x10, 0x00, 0xa1}));
  EXPECT_EQ(mac.ToString(), "02:00:5e:10:00:a1");
  EXPECT_EQ(Mac(mac.ToString().c_str()), mac);
}

TEST(MacAddress, RefusesWhatIsNone) {
  for (const char* text : {"", "02", "02:00:5e:10:00", "02:00:5e:10:00:01:02", "02:00:5e:10:00:1",
                           "02:00:5e:10:00:001", "02-00-5e-10-00-01", "02:00:5e:10:00:0g",
                           "02:00:5e:10:00:", "020:0:5e:10:00:01", "02:00:5e:10:00:0x",
                           "02:00:5e:10:00:-1", "02:00:5e:10:00:+1", "02:00:5e:10:00: 1"}) {
    EXPECT_FALSE(MacAddress::Parse(text).ok()) << text;
  }
}

TEST(MacAddress, KnowsItsKinds) {
  EXPECT_TRUE(MacAddress().IsZero());
  EXPECT_FALSE(Mac("00:00:00:00:00:01").IsZero());
  EXPECT_TRUE(Mac("ff:ff:ff:ff:ff:ff").IsMulticast());
  EXPECT_TRUE(Mac("01:00:5e:00:00:01").IsMulticast());
  EXPECT_FALSE(Mac("02:00:5e:00:00:01").IsMulticast());
}

TEST(IpAddress, PrintsTheCanonicalForm) {
  for (const char* text : {"0.0.0.0", "198.51.100.1", "255.255.255.255", "::", "::1", "2001:db8::1",
                           "fe80::1:2", "2001:db8:1:2:3:4:5:6"}) {
    EXPECT_EQ(Ip(text).ToString(), text);
    EXPECT_EQ(Ip(Ip(text).ToString().c_str()), Ip(text));
  }
  EXPECT_EQ(Ip("2001:0DB8:0:0::0001").ToString(), "2001:db8::1");
}

TEST(IpAddress, RefusesWhatIsNone) {
  for (const char* text : {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", " 1.2.3.4",
                           "1.2.3.4 ", "1.2.3.4/24", ":", "1::2::3", "2001:db8::g", "fe80::1%lo",
                           "[::1]", "::ffff:1.2.3.4", "host"}) {
    EXPECT_FALSE(IpAddress::Parse(text).ok()) << text;
  }
}

TEST(IpAddress, RefusesTextWithABuriedNul) {
  EXPECT_FALSE(IpAddress::Parse(absl::string_view("1.2.3.4\0x", 9)).ok());
}

TEST(IpAddress, KnowsItsFamily) {
  const IpAddress v4 = Ip("198.51.100.1");
  EXPECT_TRUE(v4.IsV4());
  EXPECT_FALSE(v4.IsV6());
  EXPECT_EQ(v4.family(), AF_INET);
  EXPECT_EQ(v4.max_length(), 32);
  EXPECT_EQ(v4.size(), 4);
  EXPECT_EQ(std::vector<uint8_t>(v4.data(), v4.data() + 4),
            (std::vector<uint8_t>{198, 51, 100, 1}));
  EXPECT_EQ(v4.mapped(),
            (std::array<uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 1}));

  const IpAddress v6 = Ip("2001:db8::1");
  EXPECT_TRUE(v6.IsV6());
  EXPECT_EQ(v6.family(), AF_INET6);
  EXPECT_EQ(v6.max_length(), 128);
  EXPECT_EQ(v6.size(), 16);
  EXPECT_EQ(v6.data()[0], 0x20);
  EXPECT_EQ(v6.data()[15], 1);
  EXPECT_TRUE(IpAddress().IsV6()) << "the default is ::";
}

TEST(IpAddress, IsMadeFromBytesInNetworkOrder) {
  const std::array<uint8_t, 4> four = {198, 51, 100, 1};
  EXPECT_EQ(IpAddress::FromBytes4(four.data()), Ip("198.51.100.1"));
  EXPECT_EQ(IpAddress::V4(htonl(0xc6336401)), Ip("198.51.100.1"));
  EXPECT_EQ(IpAddress::FromBytes16(Ip("2001:db8::9").data()), Ip("2001:db8::9"));
  // The form of the map keys: sixteen bytes of an IPv4 address are the IPv4 address.
  EXPECT_EQ(IpAddress::FromBytes16(Ip("198.51.100.1").mapped().data()), Ip("198.51.100.1"));
}

TEST(IpAddress, KnowsItsKinds) {
  EXPECT_TRUE(Ip("fe80::1").IsLinkLocal());
  EXPECT_TRUE(Ip("febf::1").IsLinkLocal());
  EXPECT_FALSE(Ip("fec0::1").IsLinkLocal());
  EXPECT_FALSE(Ip("169.254.0.1").IsLinkLocal());
  EXPECT_TRUE(Ip("224.0.0.1").IsMulticast());
  EXPECT_TRUE(Ip("239.255.255.255").IsMulticast());
  EXPECT_FALSE(Ip("240.0.0.1").IsMulticast());
  EXPECT_FALSE(Ip("223.255.255.255").IsMulticast());
  EXPECT_TRUE(Ip("ff02::1").IsMulticast());
  EXPECT_TRUE(Ip("127.255.0.1").IsLoopback());
  EXPECT_TRUE(Ip("::1").IsLoopback());
  EXPECT_FALSE(Ip("::2").IsLoopback());
  EXPECT_FALSE(Ip("2001:db8::1").IsLoopback());
  EXPECT_TRUE(Ip("0.0.0.0").IsUnspecified());
  EXPECT_TRUE(Ip("::").IsUnspecified());
  EXPECT_FALSE(Ip("0.0.0.1").IsUnspecified());
}

TEST(IpPrefix, ParsesAndKeepsHostBits) {
  EXPECT_EQ(Prefix("198.51.100.1/24"), (IpPrefix{Ip("198.51.100.1"), 24}));
  EXPECT_EQ(Prefix("198.51.100.1").length, 32);
  EXPECT_EQ(Prefix("2001:db8::1").length, 128);
  EXPECT_EQ(Prefix("0.0.0.0/0").length, 0);
  EXPECT_EQ(Prefix("2001:db8::1/64").ToString(), "2001:db8::1/64");
}

TEST(IpPrefix, RefusesWhatIsNone) {
  for (const char* text :
       {"", "/24", "198.51.100.1/", "198.51.100.1/33", "198.51.100.1/-1", "198.51.100.1/x",
        "198.51.100.1/24/24", "2001:db8::1/129", "198.51.100/24", "198.51.100.1/+24",
        "198.51.100.1/ 24", "198.51.100.1/24 "}) {
    EXPECT_FALSE(IpPrefix::Parse(text).ok()) << text;
  }
}

TEST(IpPrefix, NetworkClearsHostBits) {
  EXPECT_EQ(Prefix("198.51.100.131/25").Network(), Prefix("198.51.100.128/25"));
  EXPECT_EQ(Prefix("198.51.100.131/32").Network(), Prefix("198.51.100.131/32"));
  EXPECT_EQ(Prefix("198.51.100.131/0").Network(), Prefix("0.0.0.0/0"));
  EXPECT_EQ(Prefix("198.51.101.131/23").Network(), Prefix("198.51.100.0/23"));
  EXPECT_EQ(Prefix("2001:db8:1:2:3::1/64").Network(), Prefix("2001:db8:1:2::/64"));
  EXPECT_EQ(Prefix("2001:db8::ffff/125").Network(), Prefix("2001:db8::fff8/125"));
  EXPECT_EQ(Prefix("2001:db8::1/0").Network(), Prefix("::/0"));
}

TEST(IpPrefix, BroadcastIsTheLastAddressOfAnIpv4SubnetOfMoreThanTwo) {
  EXPECT_EQ(Prefix("198.51.100.131/25").Broadcast(), Ip("198.51.100.255"));
  EXPECT_EQ(Prefix("198.51.101.131/23").Broadcast(), Ip("198.51.101.255"));
  EXPECT_EQ(Prefix("198.51.100.1/30").Broadcast(), Ip("198.51.100.3"));
  EXPECT_EQ(Prefix("198.51.100.1/0").Broadcast(), Ip("255.255.255.255"));
  for (const char* none : {"198.51.100.1/31", "198.51.100.1/32", "2001:db8::1/64"}) {
    EXPECT_EQ(Prefix(none).Broadcast(), IpAddress()) << none;
  }
}

TEST(IpPrefix, ContainsTheAddressesOfItsFamily) {
  const IpPrefix v4 = Prefix("198.51.100.1/25");
  EXPECT_TRUE(v4.Contains(Ip("198.51.100.0")));
  EXPECT_TRUE(v4.Contains(Ip("198.51.100.127")));
  EXPECT_FALSE(v4.Contains(Ip("198.51.100.128")));
  EXPECT_FALSE(v4.Contains(Ip("2001:db8::1")));
  EXPECT_TRUE(Prefix("0.0.0.0/0").Contains(Ip("203.0.113.1")));
  EXPECT_FALSE(Prefix("0.0.0.0/0").Contains(Ip("2001:db8::1")));
  EXPECT_FALSE(Prefix("::/0").Contains(Ip("203.0.113.1")));
  EXPECT_TRUE(Prefix("2001:db8::1/64").Contains(Ip("2001:db8::ffff:0:0:1")));
  EXPECT_FALSE(Prefix("2001:db8::1/64").Contains(Ip("2001:db8:0:1::1")));
}

TEST(NetTypes, EqualValuesHashEqualAndOthersDiffer) {
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly(
      {Mac("02:00:5e:10:00:01"), Mac("02:00:5e:10:00:02"), MacAddress()}));
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly(
      {Ip("198.51.100.1"), Ip("198.51.100.2"), Ip("2001:db8::1"), Ip("::"), Ip("0.0.0.0")}));
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly(
      {Prefix("198.51.100.1/24"), Prefix("198.51.100.1/25"), Prefix("198.51.100.2/24")}));
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly({AddressKey{Ip("fe80::1"), IfIndex{1}},
                                                           AddressKey{Ip("fe80::1"), IfIndex{2}},
                                                           AddressKey{Ip("fe80::2"), IfIndex{1}}}));
}

TEST(NetTypes, AreOrdered) {
  EXPECT_LT(Ip("198.51.100.1"), Ip("198.51.100.2"));
  EXPECT_LT(Prefix("198.51.100.1/24"), Prefix("198.51.100.1/25"));
  EXPECT_LT((AddressKey{Ip("fe80::1"), IfIndex{1}}), (AddressKey{Ip("fe80::1"), IfIndex{2}}));
  EXPECT_LT(Mac("02:00:00:00:00:01"), Mac("02:00:00:00:01:00"));
}

}  // namespace
}  // namespace stronghost
