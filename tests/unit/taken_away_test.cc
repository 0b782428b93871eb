// Addresses that a manager takes off a NIC without carrier are told, and nothing else is.
#include "agent/decide/taken_away.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stronghost {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr IfIndex kEth0{2};
constexpr IfIndex kEth1{3};

class TakenAwayTest : public testing::Test {
 protected:
  TakenAwayTest() {
    for (const auto& [link, name] : {std::pair(kEth0, "eth0"), std::pair(kEth1, "eth1")}) {
      facts_.links[link] = {.index = link, .name = name, .admin_up = true, .carrier = true};
      served_.homes[HomeOf(link)].link = link;
    }
    for (const char* ip : {"198.51.100.1", "2001:db8::1"}) {
      Add(kEth0, ip);
    }
    Add(kEth1, "198.51.100.2");
    facts_.links[kEth0].carrier = false;
  }

  static HomeIndex HomeOf(IfIndex link) { return HomeIndex{static_cast<uint8_t>(link)}; }
  void Add(IfIndex link, const char* ip, IfIndex scope = IfIndex::kNone) {
    const IpAddress address = *IpAddress::Parse(ip);
    served_.addresses[{address, scope}].home = HomeOf(link);
    facts_.addresses.push_back({.link = link, .ip = {address, address.max_length()}});
  }
  // From the NIC, and so from what is served.
  void Remove(const char* ip) {
    const IpAddress address = *IpAddress::Parse(ip);
    std::erase_if(facts_.addresses,
                  [&](const AddressFact& fact) { return fact.ip.address == address; });
    absl::erase_if(served_.addresses,
                   [&](const auto& entry) { return entry.first.address == address; });
  }
  std::vector<std::string> Note() {
    auto told = taken_away_.Note(before_, served_, facts_);
    before_ = served_;
    return told;
  }

  Facts facts_;
  DatapathState served_;
  DatapathState before_;
  TakenAway taken_away_;
};

TEST_F(TakenAwayTest, IsToldWithTheMendAsItGrowsAndNamedUntilTheCarrierIsBack) {
  EXPECT_THAT(Note(), IsEmpty());
  Remove("198.51.100.1");
  EXPECT_THAT(Note(), ElementsAre(StartsWith("198.51.100.1 was taken off eth0, which has no "
                                             "carrier, and nobody serves it now; have what")));
  EXPECT_THAT(Note(), IsEmpty());
  Remove("2001:db8::1");
  EXPECT_THAT(Note(), ElementsAre(AllOf(StartsWith("198.51.100.1, 2001:db8::1 were taken off eth0"),
                                        HasSubstr("IgnoreCarrierLoss=yes"),
                                        HasSubstr("ignore-carrier=yes"))));
  EXPECT_THAT(taken_away_.Problems(), ElementsAre(StartsWith("198.51.100.1, 2001:db8::1 were")));
  facts_.links[kEth0].carrier = true;
  EXPECT_THAT(Note(), IsEmpty());
  EXPECT_THAT(taken_away_.Problems(), IsEmpty());
}

TEST_F(TakenAwayTest, EachNicHasItsOwn) {
  facts_.links[kEth1].carrier = false;
  Note();
  Remove("198.51.100.1");
  Remove("198.51.100.2");
  EXPECT_THAT(Note(), ElementsAre(StartsWith("198.51.100.1 was taken off eth0"),
                                  StartsWith("198.51.100.2 was taken off eth1")));
  facts_.links[kEth0].carrier = true;
  Note();
  EXPECT_THAT(taken_away_.Problems(), ElementsAre(StartsWith("198.51.100.2 was taken off eth1")));
}

TEST_F(TakenAwayTest, OfManyAFewAreNamed) {
  for (const char* ip : {"198.51.100.3", "198.51.100.4", "198.51.100.5", "198.51.100.6"}) {
    Add(kEth0, ip);
  }
  Note();
  served_.addresses.clear();
  facts_.addresses.clear();
  EXPECT_THAT(Note(), ElementsAre(StartsWith("198.51.100.1, 198.51.100.3, 198.51.100.4, "
                                             "198.51.100.5, 2 more were taken off eth0")));
}

TEST_F(TakenAwayTest, EndsWithTheAddressBackAndWithTheNicGone) {
  Note();
  Remove("198.51.100.1");
  Note();
  Add(kEth0, "198.51.100.1");
  EXPECT_THAT(Note(), IsEmpty());
  EXPECT_THAT(taken_away_.Problems(), IsEmpty());
  Remove("198.51.100.1");
  EXPECT_THAT(Note(), testing::SizeIs(1));
  facts_.links.erase(kEth0);
  Note();
  EXPECT_THAT(taken_away_.Problems(), IsEmpty());
}

TEST_F(TakenAwayTest, EndsWhereTheAddressIsPutOnNoMemberAndWhereTheNicIsNoMemberAnyMore) {
  Note();
  Remove("198.51.100.1");
  Remove("2001:db8::1");
  Note();
  facts_.addresses.push_back({.link = IfIndex{9}, .ip = *IpPrefix::Parse("198.51.100.1/24")});
  EXPECT_THAT(Note(), IsEmpty());
  EXPECT_THAT(taken_away_.Problems(), ElementsAre(StartsWith("2001:db8::1 was taken off eth0")));
  served_.homes.erase(HomeOf(kEth0));
  Note();
  EXPECT_THAT(taken_away_.Problems(), IsEmpty());
}

TEST_F(TakenAwayTest, WhatAPersonRemovesFromALiveNicOrOneThatIsSetDownIsHisWord) {
  Note();
  Remove("198.51.100.2");
  EXPECT_THAT(Note(), IsEmpty());
  facts_.links[kEth0].admin_up = false;
  Remove("198.51.100.1");
  EXPECT_THAT(Note(), IsEmpty());
}

TEST_F(TakenAwayTest, LinkLocalAddressesAndWhatIsSomewhereOrManagedNoLongerAreNone) {
  Add(kEth0, "fe80::1", kEth0);
  Note();
  Remove("fe80::1");
  EXPECT_THAT(Note(), IsEmpty());
  // Somebody put it on a NIC that is no member.
  Remove("198.51.100.1");
  facts_.addresses.push_back({.link = IfIndex{9}, .ip = *IpPrefix::Parse("198.51.100.1/24")});
  EXPECT_THAT(Note(), IsEmpty());
  // The NIC is a member no longer.
  served_.homes.erase(HomeOf(kEth0));
  Remove("2001:db8::1");
  EXPECT_THAT(Note(), IsEmpty());
  EXPECT_THAT(taken_away_.Problems(), IsEmpty());
}

}  // namespace
}  // namespace stronghost
