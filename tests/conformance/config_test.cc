// GW-9: gateways are configured by hand, and what can be none is refused.
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lib/agent.h"
#include "tests/lib/gtest_status.h"
#include "tests/lib/netns.h"

namespace stronghost::lab {
namespace {

struct Bad {
  const char* keys;  // of the group
  const char* why;
};

// By the real program's check, before anything is put into force.
TEST(GW9_WhatCanBeNoGatewayIsRefused, Holds) {
  auto netns = NetNs::Create("server");
  ASSERT_OK(netns);
  ASSERT_OK(
      netns->IpBatch("link add eth0 type veth peer name p0\nlink set eth0 up\n"
                     "link set p0 up\naddr add 198.51.100.1/24 dev eth0\n"));
  const std::string address = "[[group.address]]\nip = \"198.51.100.9/24\"\nhome = \"eth0\"\n";
  const std::vector<Bad> all = {
      {"gateways = [\"203.0.113.254\"]\n", "lies in no subnet"},
      {"gateways = [\"198.51.100.1\"]\n", "own address"},
      {"gateways = [\"224.0.0.1\"]\n", "multicast"},
      {"gateways = [\"0.0.0.0\"]\n", "unspecified"},
      {"gateways = [\"198.51.100.254\", \"198.51.100.254\"]\n", "written twice"},
      {"ADDRESSgateway = \"203.0.113.254\"\n", "lies outside of"},
      {"ADDRESSgateway = \"198.51.100.9\"\n", "own address"},
      {"ADDRESSgateway = \"198.51.100.255\"\n", "broadcast"},
      {"ADDRESSgateway = \"fe80::1\"\n", "not of one family"},
      {"ADDRESSgateway = \"198.51.100.254\"\ngateways = [\"198.51.100.253\"]\n",
       "both gateway and gateways"},
      {"[[group.prefix]]\nprefix = \"203.0.113.0/24\"\nhome = \"eth0\"\n[[group]]\nname = \"b\"\n"
       "nics = [\"eth1\"]\n[[group.prefix]]\nprefix = \"203.0.113.64/26\"\nhome = \"eth1\"\n",
       "overlaps"}};
  for (const Bad& bad : all) {
    std::string keys = bad.keys;
    if (keys.rfind("ADDRESS", 0) == 0) {
      keys = address + keys.substr(7);
    }
    auto agent = Agent::Prepare(*netns, {.groups = GroupToml({"eth0"}, keys)});
    ASSERT_OK(agent);
    const absl::Status started = agent->StartDaemon();
    EXPECT_FALSE(started.ok()) << keys;
    EXPECT_THAT(agent->Log(), testing::HasSubstr(bad.why)) << keys;
  }
  auto good = Agent::Prepare(
      *netns,
      {.groups = GroupToml({"eth0"}, absl::StrCat("gateways = [\"198.51.100.254\"]\n", address,
                                                  "gateways = [\"198.51.100.253\","
                                                  " \"198.51.100.254\"]\n"))});
  ASSERT_OK(good);
  EXPECT_OK(good->StartDaemon());
}

}  // namespace
}  // namespace stronghost::lab
