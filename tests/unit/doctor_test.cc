// The checks of `stronghost doctor`, over facts that are set.
#include "agent/doctor/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "agent/observe/host_state.h"

namespace stronghost {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

// A host where nothing is to be found fault with, and its agent.
DoctorFacts GoodHost() {
  DoctorFacts host{.kernel_release = "6.18.2",
                   .btf = true,
                   .pins_on_bpffs = true,
                   .cgroup2 = true,
                   .capability_bounds = 0x1ffffffffff,
                   .version = "0.1.0",
                   .sockets = {{"PACKET", 2}, {"XDP", 0}}};
  host.config = Config{.groups = {{.name = "front", .nics = {"eth0", "eth1"}}}};
  host.status = StatusReport{};
  host.status->agent = {.version = "0.1.0", .pid = 7, .carrier_signals = {"egress", "poll"}};
  for (const uint8_t i : {uint8_t{2}, uint8_t{3}}) {
    LinkFact& link = host.facts.links[IfIndex{i}];
    link = {.index = IfIndex{i},
            .name = absl::StrCat("eth", i - 2),
            .mac = {{2, 0, 0, 0, 0, i}},
            .admin_up = true,
            .carrier = true,
            .mtu = 1500};
  }
  for (const std::string& path : DoctorSysctls({"eth0", "eth1"})) {
    host.sysctls[path] = "0";
  }
  return host;
}

std::vector<Check> Faults(const DoctorFacts& host) {
  std::vector<Check> faults;
  for (const Check& check : RunChecks(host)) {
    if (check.status != CheckStatus::kOk) {
      faults.push_back(check);
    }
  }
  return faults;
}

TEST(Doctor, FindsNothingOnAGoodHost) {
  EXPECT_THAT(Faults(GoodHost()), IsEmpty());
  for (const Check& check : RunChecks(GoodHost())) {
    EXPECT_NE(check.detail, "") << check.name;
  }
}

TEST(Doctor, SaysWhoSeesALostCarrierFirst) {
  struct Row {
    std::vector<std::string> signals;
    std::string detail;
    std::string fix;
  };
  const std::vector<Row> rows = {
      {{"fentry", "egress", "poll"}, "a lost carrier is seen by fentry, egress, poll", ""},
      {{"fentry", "poll"}, "a lost carrier is seen by fentry, poll", ""},
      {{"egress", "poll"},
       "a lost carrier is seen by egress, poll, without traffic by the agent first: it is refused",
       "allow it"},
  };
  for (const Row& row : rows) {
    DoctorFacts host = GoodHost();
    host.status->agent.carrier_signals = row.signals;
    host.status->agent.no_fentry = "it is refused; allow it";
    EXPECT_THAT(RunChecks(host), Contains(Check{"carrier", CheckStatus::kOk, row.detail, row.fix}));
  }
}

TEST(Doctor, SaysWhatManagersOfAddressesNeed) {
  DoctorFacts host = GoodHost();
  host.managers = {"NetworkManager", "dhclient"};
  std::vector<std::string> details;
  for (const Check& check : RunChecks(host)) {
    if (check.name == "managers") {
      EXPECT_EQ(check.status, CheckStatus::kOk);
      details.push_back(check.detail);
    }
  }
  EXPECT_THAT(details, ElementsAre(AllOf(HasSubstr("NetworkManager runs"),
                                         HasSubstr("only with ignore-carrier=yes"))));
}

// One change of a good host each, and the one fault that it makes.
TEST(Doctor, FindsOneFaultAtATime) {
  struct Row {
    std::string name;
    CheckStatus status;
    std::string detail;
    std::string fix;
    std::function<void(DoctorFacts&)> change;
  };
  constexpr CheckStatus kWarn = CheckStatus::kWarn;
  constexpr CheckStatus kFail = CheckStatus::kFail;
  const std::vector<Row> rows = {
      {"kernel", kFail, "Linux 5.10.0-9-amd64 is too old", "use Linux 6.1 or later",
       [](DoctorFacts& host) { host.kernel_release = "5.10.0-9-amd64"; }},
      {"kernel", kFail, "nothing before 6.1 was tried", "use Linux 6.1 or later",
       [](DoctorFacts& host) { host.kernel_release = "5.15.0"; }},
      {"kernel", kWarn, "'plan9' is not understood", "",
       [](DoctorFacts& host) { host.kernel_release = "plan9"; }},
      {"btf", kFail, "no BTF", "CONFIG_DEBUG_INFO_BTF",
       [](DoctorFacts& host) { host.btf = false; }},
      {"bpffs", kWarn, "no bpf file system", "mount -t bpf",
       [](DoctorFacts& host) { host.pins_on_bpffs = false; }},
      {"cgroup2", kWarn, "no cgroup2", "mount -t cgroup2",
       [](DoctorFacts& host) { host.cgroup2 = false; }},
      {"capabilities", kFail, "can't have CAP_NET_RAW, CAP_BPF", "container or unit",
       [](DoctorFacts& host) {
         *host.capability_bounds &= ~(uint64_t{1} << 13 | uint64_t{1} << 39);
       }},
      {"capabilities", kWarn, "could not be read", "",
       [](DoctorFacts& host) { host.capability_bounds.reset(); }},
      {"configuration", kFail, "f.toml:1:1: unknown key 'x'", "leave it out",
       [](DoctorFacts& host) {
         host.config_problem = "f.toml:1:1: unknown key 'x'; leave it out";
       }},
      {"configuration", kWarn, "there is none", "stronghost suggest",
       [](DoctorFacts& host) { host.config.reset(); }},
      {"configuration", kWarn, "no group", "stronghost suggest",
       [](DoctorFacts& host) { host.config->groups.clear(); }},
      {"agent", kWarn, "no agent answers", "start stronghostd",
       [](DoctorFacts& host) {
         host.status.reset();
         host.no_agent = "no agent answers at /s; start stronghostd";
       }},
      {"agent", kWarn, "this command is 0.2.0", "restart stronghostd",
       [](DoctorFacts& host) { host.version = "0.2.0"; }},
      {"carrier", kWarn, "seen by poll", "6.2",
       [](DoctorFacts& host) { host.status->agent.carrier_signals = {"poll"}; }},
      {"problem", kWarn, "eth0 bears a foreign program", "remove it",
       [](DoctorFacts& host) {
         host.status->problems = {"eth0 bears a foreign program; remove it"};
       }},
      {"members", kFail, "'eth1' is a port of bridge 'br0'", "make 'br0' the member",
       [](DoctorFacts& host) {
         host.facts.links[IfIndex{9}] = {.index = IfIndex{9}, .name = "br0", .kind = "bridge"};
         host.facts.links[IfIndex{3}].master = IfIndex{9};
       }},
      {"members", kWarn, "differ in MTU", "set the same on all",
       [](DoctorFacts& host) { host.facts.links[IfIndex{3}].mtu = 9000; }},
      {"members", kWarn, "have one MAC", "give one of them another",
       [](DoctorFacts& host) {
         host.facts.links[IfIndex{3}].mac = {{2, 0, 0, 0, 0, 2}};
       }},
      {"members", kWarn, "is not there", "joins the group when it appears",
       [](DoctorFacts& host) { host.facts.links.erase(IfIndex{3}); }},
      {"members", kWarn, "eth1 has no carrier", "cable",
       [](DoctorFacts& host) { host.facts.links[IfIndex{3}].carrier = false; }},
      {"members", kWarn, "eth1 is down", "ip link set eth1 up",
       [](DoctorFacts& host) {
         host.facts.links[IfIndex{3}].carrier = host.facts.links[IfIndex{3}].admin_up = false;
       }},
      {"arp", kWarn, "net.ipv4.conf.all.arp_ignore = 1, net.ipv4.conf.eth1.arp_filter = 1",
       "sysctl.d",
       [](DoctorFacts& host) {
         host.sysctls["net/ipv4/conf/all/arp_ignore"] = "1";
         host.sysctls["net/ipv4/conf/eth1/arp_filter"] = "1";
       }},
      {"ipv6", kWarn, "off on eth1, which can't take",
       "sysctl -w net/ipv6/conf/eth1/disable_ipv6=0",
       [](DoctorFacts& host) {
         host.facts.addresses.push_back(
             {.link = IfIndex{2}, .ip = *IpPrefix::Parse("2001:db8::1/64")});
         host.sysctls["net/ipv6/conf/eth1/disable_ipv6"] = "1";
       }},
      {"ipv6", kWarn, "off on eth0", "boot without ipv6.disable=1",
       [](DoctorFacts& host) {
         host.config->groups[0].addresses = {
             {.ip = *IpPrefix::Parse("2001:db8::1/64"), .home = "eth1"}};
         host.sysctls.erase("net/ipv6/conf/eth0/disable_ipv6");
       }},
      {"policy rules", kWarn, "257 IPv4 addresses and prefixes", "by source address",
       [](DoctorFacts& host) {
         for (int i = 0; i < 257; ++i) {
           host.facts.addresses.push_back(
               {.link = IfIndex{2},
                .ip = *IpPrefix::Parse(absl::StrCat("192.0.", i / 200, ".", i % 200, "/16"))});
         }
       }},
      {"sockets", kWarn, "3 AF_XDP sockets", "in no group",
       [](DoctorFacts& host) { host.sockets["XDP"] = 3; }},
      {"sockets", kWarn, "could not be read", "", [](DoctorFacts& host) { host.sockets.clear(); }},
  };
  for (const Row& row : rows) {
    DoctorFacts host = GoodHost();
    row.change(host);
    const std::vector<Check> faults = Faults(host);
    ASSERT_EQ(faults.size(), 1U) << row.detail;
    EXPECT_EQ(faults[0].name, row.name);
    EXPECT_EQ(faults[0].status, row.status) << row.detail;
    EXPECT_THAT(faults[0].detail, HasSubstr(row.detail));
    EXPECT_THAT(faults[0].fix, HasSubstr(row.fix)) << row.detail;
    EXPECT_EQ(faults[0].fix.empty(), row.fix.empty()) << faults[0].fix;
  }
}

TEST(Doctor, WhatTheAgentSetsItselfOrDoesNotNeedIsNoFault) {
  DoctorFacts host = GoodHost();
  host.sysctls["net/ipv4/conf/eth0/arp_announce"] = "2";
  host.sysctls["net/ipv4/conf/eth0/rp_filter"] = "1";
  host.sysctls["net/ipv4/ip_forward"] = "1";
  host.sysctls["net/ipv6/conf/eth1/disable_ipv6"] = "1";  // a group of IPv4
  host.config->cgroup = "";
  host.cgroup2 = false;
  EXPECT_THAT(Faults(host), IsEmpty());
}

TEST(Doctor, ReversePathFilteringIsTheGreaterOfBothKnobs) {
  DoctorFacts host = GoodHost();
  const auto strict = [&host](const char* all, const char* nic) {
    host.sysctls["net/ipv4/conf/all/rp_filter"] = all;
    host.sysctls["net/ipv4/conf/eth0/rp_filter"] = nic;
    for (const Check& check : RunChecks(host)) {
      if (check.name == "rp_filter") {
        return check.detail.find("strict on eth0") == 0;
      }
    }
    return false;
  };
  EXPECT_FALSE(strict("0", "0"));
  EXPECT_TRUE(strict("0", "1"));
  EXPECT_FALSE(strict("2", "1"));
  EXPECT_FALSE(strict("0", "2"));
}

TEST(HostState, ReadsWhatProcHas) {
  EXPECT_EQ(
      ParseCapabilityBounds("Name:\tx\nCapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\n"),
      0x1ffffffffffU);
  EXPECT_EQ(ParseCapabilityBounds("CapEff:\t00\n"), std::nullopt);
  EXPECT_EQ(ParseCapabilityBounds("CapBnd:\tmany\n"), std::nullopt);
  EXPECT_THAT(ParseProtocols("protocol  size sockets  memory press maxhdr\n"
                             "PACKET    1344      3      -1   NI       0   no   kernel\n"
                             "XDP       1000      0      -1   NI       0   no   kernel\n"
                             "ODD       1000     -1      -1   NI       0   no   kernel\n\n"),
              ElementsAre(Pair("PACKET", 3), Pair("XDP", 0)));
  EXPECT_FALSE(IsOnBpffs("/proc"));
  EXPECT_FALSE(IsOnBpffs("/none/at/all"));
}

}  // namespace
}  // namespace stronghost
