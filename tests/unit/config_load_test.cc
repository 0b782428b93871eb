// Reading the file: syntax, keys, types and texts of single values.
#include "agent/config/load.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "tests/unit/config_problems.h"

namespace stronghost {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

TEST(ConfigLoad, EveryKeyIsRead) {
  const LoadedConfig loaded = ParseConfig(R"([agent]
socket = "/run/a.sock"
pin_dir = "/sys/fs/bpf/a"
state_dir = "/var/lib/a"
metrics = "[::1]:9000"
host_model = "weak"
tc = "clsact"
cgroup = "/sys/fs/cgroup/dns"
reply_source_except = [53, 65535]

[[group]]
name = "front"
nics = ["eth0", "eth1"]
standby = ["eth1", "eth2"]
adopt = false
mac = "stay"
xdp = "generic"
gateways = ["198.51.100.254", "fe80::1"]
failback = "never"
relocate_after = "1m30s"

[group.detect]
carrier_poll = "5ms"
probe = "always"
probe_targets = ["198.51.100.253"]

[[group.address]]
ip = "198.51.100.1/24"
home = "eth0"
gateway = "198.51.100.253"

[[group.address]]
ip = "2001:db8::1/64"
home = "eth2"

[[group]]
name = "back"
nics = ["eth3"]
policy_rules = false
)",
                                          "f");
  ASSERT_EQ(loaded.problems, std::vector<ConfigProblem>{});

  GroupConfig front;
  front.name = "front";
  front.nics = {"eth0", "eth1"};
  front.standby = {"eth1", "eth2"};
  front.adopt = false;
  front.mac = MacMode::kStay;
  front.xdp = XdpMode::kGeneric;
  front.gateways = {*IpAddress::Parse("198.51.100.254"), *IpAddress::Parse("fe80::1")};
  front.failback = absl::InfiniteDuration();
  front.relocate_after = absl::Seconds(90);
  front.detect = {absl::Milliseconds(5), ProbeMode::kAlways, {*IpAddress::Parse("198.51.100.253")}};
  front.addresses = {
      {*IpPrefix::Parse("198.51.100.1/24"), "eth0", {*IpAddress::Parse("198.51.100.253")}},
      {*IpPrefix::Parse("2001:db8::1/64"), "eth2", {}}};
  GroupConfig back;
  back.name = "back";
  back.nics = {"eth3"};
  back.policy_rules = false;
  const Config expected{.socket = "/run/a.sock",
                        .pin_dir = "/sys/fs/bpf/a",
                        .state_dir = "/var/lib/a",
                        .metrics = "[::1]:9000",
                        .host_model = HostModel::kWeak,
                        .tc = TcMode::kClsact,
                        .cgroup = "/sys/fs/cgroup/dns",
                        .reply_source_except = {53, 65535},
                        .groups = {front, back}};
  EXPECT_EQ(loaded.config, expected);
}

TEST(ConfigLoad, AnAddressHasOneGatewayOrAListInOrderOfPreference) {
  const auto gateways = [](const std::string& keys) {
    return ParseConfig(
               "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[[group.address]]\n"
               "ip = \"198.51.100.1/24\"\nhome = \"e\"\n" +
                   keys,
               "f")
        .config.groups.at(0)
        .addresses.at(0)
        .gateways;
  };
  const IpAddress a = *IpAddress::Parse("198.51.100.254");
  const IpAddress b = *IpAddress::Parse("198.51.100.253");
  EXPECT_THAT(gateways(""), testing::IsEmpty());
  EXPECT_THAT(gateways("gateway = \"198.51.100.254\"\n"), testing::ElementsAre(a));
  EXPECT_THAT(gateways("gateways = [\"198.51.100.254\", \"198.51.100.253\"]\n"),
              testing::ElementsAre(a, b));
}

TEST(ConfigLoad, AbsentKeysKeepTheDefaults) {
  const LoadedConfig loaded = ParseConfig("[[group]]\nname = \"a\"\nnics = [\"eth0\"]\n", "f");
  ASSERT_TRUE(loaded.ok());
  Config expected;
  expected.groups.push_back({.name = "a", .nics = {"eth0"}});
  EXPECT_EQ(loaded.config, expected);
}

TEST(ConfigLoad, AnEmptyFileManagesNothing) {
  const LoadedConfig loaded = ParseConfig("", "f");
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config, Config());
}

TEST(ConfigLoad, PositionsOfSettingsAreKept) {
  const LoadedConfig loaded = ParseConfig(R"([[group]]
name = "front"
nics = ["eth0",
  "eth1"]
[[group.address]]
ip = "198.51.100.1/24"
home = "eth0"
)",
                                          "f");
  EXPECT_EQ(loaded.sources.Find("group[0].nics[1]"), (Position{4, 3}));
  EXPECT_EQ(loaded.sources.Find("group[0].address[0].home"), (Position{7, 8}));
  // What isn't written is where it would be.
  EXPECT_EQ(loaded.sources.Find("group[0].address[0].gateway"), (Position{5, 1}));
  EXPECT_EQ(loaded.sources.Find("group[0].failback"), (Position{1, 1}));
  EXPECT_EQ(loaded.sources.Find("agent.socket"), Position());
}

TEST(ConfigLoad, AllProblemsAreReportedInTheOrderOfTheFile) {
  EXPECT_THAT(ProblemsIn(R"([[group]]
nics = ["eth0", 7]
failback = "-1s"
[[group.address]]
home = "eth9"
ip = "198.51.100.0/24"
[[group.address]]
ip = "198.51.100.300"
home = "eth0"
[[group]]
colour = "red"
name = "b"
nics = ["eth0"]
[agent]
host_model = "strnog"
metrics = "9842"
)"),
              ElementsAre(StartsWith("1:1: the group has no name"),            //
                          StartsWith("2:17: nics has an integer"),             //
                          StartsWith("3:12: failback is -1s"),                 //
                          StartsWith("5:8: home 'eth9' is no member"),         //
                          StartsWith("6:6: 198.51.100.0 is the network"),      //
                          StartsWith("8:6: ip: '198.51.100.300' is no IP"),    //
                          StartsWith("11:1: unknown key 'colour'"),            //
                          StartsWith("13:9: 'eth0' is in two groups"),         //
                          StartsWith("15:14: host_model cannot be 'strnog'"),  //
                          StartsWith("16:11: metrics: '9842' is not host:port")));
}

TEST(ConfigLoad, ABrokenListIsNotCalledEmptyAsWell) {
  EXPECT_THAT(ProblemsIn("[[group]]\nname = \"a\"\nnics = [0]\n"),
              ElementsAre(StartsWith("3:9: ")));
  EXPECT_THAT(ProblemsIn("[[group]]\nname = 1\nnics = [\"e\"]\n"),
              ElementsAre(StartsWith("2:8: ")));
  EXPECT_THAT(ProblemsIn("[[group]]\nname = \"a\"\nnics = [\"e\"]\n[[group.address]]\n"
                         "ip = \"198.51.100.1/24\"\nhome = 1\n"),
              ElementsAre(StartsWith("6:8: ")));
}

TEST(ConfigLoad, AFileIsReadAndNamed) {
  const std::string path = testing::TempDir() + "/config_load_test.toml";
  std::ofstream(path) << "[agent]\nsocket = 5\n";
  const LoadedConfig loaded = LoadConfig(path);
  ASSERT_EQ(loaded.problems.size(), 1U);
  EXPECT_THAT(loaded.problems[0].ToString(), StartsWith(path + ":2:10: socket has an integer"));
  std::remove(path.c_str());
}

TEST(ConfigLoad, AFileThatCannotBeReadIsAProblemWithoutAPlace) {
  const LoadedConfig missing = LoadConfig("/nonexistent/stronghost.toml");
  ASSERT_EQ(missing.problems.size(), 1U);
  EXPECT_THAT(missing.problems[0].ToString(),
              StartsWith("/nonexistent/stronghost.toml: cannot read the configuration: open: No"));
  const LoadedConfig folder = LoadConfig("/");
  ASSERT_EQ(folder.problems.size(), 1U);
  EXPECT_THAT(folder.problems[0].ToString(), HasSubstr("read: Is a directory"));
}

TEST(ConfigLoad, ADeeplyNestedKeyIsRefusedAndNotFollowed) {
  std::string deep = "a";
  for (int i = 0; i < 100000; ++i) {
    deep += ".a";
  }
  EXPECT_THAT(ProblemsIn("\n" + deep + " = 1"), ElementsAre(StartsWith("2:1: the line is longer")));
  EXPECT_THAT(ProblemsIn("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1"),
              ElementsAre(StartsWith("1:1: unknown key 'a'")));
}

class ConfigLoadFails : public testing::TestWithParam<FailingInput> {};

TEST_P(ConfigLoadFails, WithPlaceAndMend) {
  ExpectExactly(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Syntax, ConfigLoadFails,
    testing::Values(
        FailingInput{"NoValue", "[agent]\nsocket\n", "2:7: ", "not valid TOML", "expected '='"},
        FailingInput{"NoQuotes", "[agent]\nsocket = /run/a\n", "2:10: ", "not valid TOML",
                     "write text in quotes"},
        FailingInput{"BareWord", "[agent]\ntc = tcx\n", "2:7: ", "not valid TOML",
                     "write text in quotes"},
        FailingInput{"OpenString", "[agent]\nsocket = \"/run/a\n", "2:17: ", "not valid TOML",
                     "string"},
        FailingInput{"KeyTwice", "[agent]\ntc = \"tcx\"\ntc = \"tcx\"\n",
                     "3:6: ", "cannot redefine", "write each key and each [table] once"},
        FailingInput{"TableTwice", "[agent]\n[agent]\n", "2:1: ", "cannot redefine",
                     "write each key and each [table] once"},
        FailingInput{"InlineTableOfTwoLines", "group = [{name = \"a\",\nnics = [\"e\"]}]\n",
                     "1:22: ", "not valid TOML", "in one line, or use [[...]] sections"},
        FailingInput{"Backslash", "[agent]\nsocket = \"\\q\"\n", "2:12: ", "not valid TOML",
                     "write \\\\ for a backslash"},
        FailingInput{"NotUtf8", "[agent]\nsocket = \"\xff\"\n", "2:10: ", "utf-8",
                     "save the file as UTF-8"}),
    NameOfInput);

INSTANTIATE_TEST_SUITE_P(
    UnknownKeys, ConfigLoadFails,
    testing::Values(
        FailingInput{"AtTheTop", "colour = 1\n", "1:1: ", "unknown key 'colour' in the file",
                     "it may have: agent, group"},
        FailingInput{"WithANewline", "\"a\\nb\" = 1\n", "1:1: ", "unknown key 'a?b' in the file",
                     "it may have: agent, group"},
        FailingInput{"TableAtTheTop", "[agnet]\nsocket = \"/run/a\"\n",
                     "1:2: ", "unknown key 'agnet' in the file", "did you mean 'agent'?"},
        FailingInput{"InAgent", "[agent]\n  sokcet = \"/run/a\"\n",
                     "2:3: ", "unknown key 'sokcet' in [agent]", "did you mean 'socket'?"},
        FailingInput{"InGroup", "[[group]]\nname = \"a\"\nnics = [\"e\"]\nfail-back = \"5s\"\n",
                     "4:1: ", "unknown key 'fail-back' in [[group]]", "did you mean 'failback'?"},
        FailingInput{"InDetect",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[group.detect]\npoll = \"2ms\"\n",
                     "5:1: ", "unknown key 'poll' in [group.detect]",
                     "it may have: carrier_poll, probe, probe_targets"},
        FailingInput{"InAddress",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[[group.address]]\n"
                     "ip = \"198.51.100.1/24\"\nhome = \"e\"\ngatway = \"198.51.100.2\"\n",
                     "7:1: ", "unknown key 'gatway' in [[group.address]]",
                     "did you mean 'gateway'?"},
        FailingInput{"InlineTable", "group = [{name = \"a\", nics = [\"e\"], nisc = 1}]\n",
                     "1:37: ", "unknown key 'nisc' in [[group]]", "did you mean 'nics'?"}),
    NameOfInput);

INSTANTIATE_TEST_SUITE_P(
    Types, ConfigLoadFails,
    testing::Values(
        FailingInput{"IntegerForString", "[agent]\npin_dir = 3\n", "2:11: ",
                     "pin_dir has an integer", "write a string such as \"/sys/fs/bpf/stronghost\""},
        FailingInput{"FloatForString", "[agent]\nstate_dir = 3.5\n",
                     "2:13: ", "state_dir has a floating-point number", "write a string"},
        FailingInput{"DateForString", "[agent]\nmetrics = 2024-01-01\n", "2:11: ",
                     "metrics has a date or time", "write a string such as \"127.0.0.1:9842\""},
        FailingInput{"BooleanForChoice", "[agent]\nhost_model = true\n",
                     "2:14: ", "host_model has a boolean", "write a string such as \"strong\""},
        FailingInput{"StringForBoolean",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\nadopt = \"yes\"\n",
                     "4:9: ", "adopt is a string", "write true or false"},
        FailingInput{"StringForList", "[[group]]\nname = \"a\"\nstandby = \"e\"\nnics = [\"f\"]\n",
                     "3:11: ", "standby is a string", "write a list such as [\"eth0\"]"},
        FailingInput{"StringForPort", "[agent]\nreply_source_except = [1, \"53\"]\n",
                     "2:27: ", "reply_source_except holds a string", "write port numbers"},
        FailingInput{"PortZero", "[agent]\nreply_source_except = [0]\n",
                     "2:24: ", "reply_source_except holds 0", "a port is 1 to 65535"},
        FailingInput{"PortTooLarge", "[agent]\nreply_source_except = [65536]\n",
                     "2:24: ", "reply_source_except holds 65536", "a port is 1 to 65535"},
        FailingInput{"TableInList", "[[group]]\nname = \"a\"\nnics = [\"f\", {}]\n",
                     "3:14: ", "nics has a table", "write a string such as \"eth0\""},
        FailingInput{"IntegerForTime", "[[group]]\nname = \"a\"\nnics = [\"e\"]\nfailback = 5\n",
                     "4:12: ", "failback has an integer", "write a string such as \"5s\""},
        FailingInput{"IntegerForAddress",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\ngateways = [\"fe80::1\", 1]\n",
                     "4:24: ", "gateways has an integer", "such as \"198.51.100.254\""},
        FailingInput{"ArrayForTable", "[[agent]]\ntc = \"tcx\"\n", "1:1: ", "agent is an array",
                     "write it as [agent]"},
        FailingInput{"TableForArray", "[group]\nname = \"a\"\nnics = [\"e\"]\n",
                     "1:1: ", "group is a table", "write it as [[group]]"},
        FailingInput{"IntegerForGroup", "group = [1]\n", "1:10: ", "group holds an integer",
                     "write it as [[group]]"},
        FailingInput{"ArrayForDetect",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[[group.detect]]\n",
                     "4:1: ", "detect is an array", "write it as [group.detect]"},
        FailingInput{"TableForAddress",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[group.address]\n",
                     "4:1: ", "address is a table", "write it as [[group.address]]"},
        FailingInput{"ControlCharacter", "[agent]\nsocket = \"/run/a\\u0000b\"\n",
                     "2:10: ", "socket contains a control character", "leave it out"}),
    NameOfInput);

INSTANTIATE_TEST_SUITE_P(
    Values, ConfigLoadFails,
    testing::Values(
        FailingInput{"HostModel", "[agent]\nhost_model = \"Strong\"\n",
                     "2:14: ", "host_model cannot be 'Strong'",
                     "\"strong\", \"weak\"; did you mean 'strong'?"},
        FailingInput{"Tc", "[agent]\ntc = \"bpf\"\n", "2:6: ", "tc cannot be 'bpf'",
                     "write one of \"auto\", \"tcx\", \"clsact\""},
        FailingInput{"Mac", "[[group]]\nname = \"a\"\nnics = [\"e\"]\nmac = \"folow\"\n",
                     "4:7: ", "mac cannot be 'folow'",
                     "\"auto\", \"follow\", \"stay\"; did you mean 'follow'?"},
        FailingInput{"Xdp", "[[group]]\nname = \"a\"\nnics = [\"e\"]\nxdp = \"driver\"\n",
                     "4:7: ", "xdp cannot be 'driver'",
                     "write one of \"auto\", \"native\", \"generic\", \"off\""},
        FailingInput{"Probe",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[group.detect]\n"
                     "probe = \"on_suspicion\"\n",
                     "5:9: ", "probe cannot be 'on_suspicion'", "did you mean 'on-suspicion'?"},
        FailingInput{"TimeWithoutUnit",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\nfailback = \"5\"\n",
                     "4:12: ", "failback: '5' is no time", "such as \"5s\""},
        FailingInput{"InfiniteTime",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\nrelocate_after = \"inf\"\n",
                     "4:18: ", "relocate_after: 'inf' is no time", "or \"never\""},
        FailingInput{"NeverPolled",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[group.detect]\n"
                     "carrier_poll = \"never\"\n",
                     "5:16: ", "carrier_poll: 'never' is not possible", "write a time"},
        FailingInput{"Gateway",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\ngateways = [\"fe80::1\", \"gw\"]\n",
                     "4:24: ", "gateways: 'gw' is no IP address", "write it as 198.51.100.1"},
        FailingInput{"GatewayWithLength",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\ngateways = [\"198.51.100.2/24\"]\n",
                     "4:13: ", "has a prefix length", "write the address alone"},
        FailingInput{"GatewayWithScope",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\ngateways = [\"fe80::1%e\"]\n",
                     "4:13: ", "names an interface", "leave out '%e'"},
        FailingInput{"ProbeTarget",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[group.detect]\n"
                     "probe_targets = [\"198.51.100\"]\n",
                     "5:18: ", "probe_targets: '198.51.100' is no IP address", "write it as"},
        FailingInput{"Ip",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[[group.address]]\n"
                     "ip = \"2001:db8::g/64\"\nhome = \"e\"\n",
                     "5:6: ", "ip: '2001:db8::g' is no IP address", "write it as"},
        FailingInput{"PrefixLength",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[[group.address]]\n"
                     "ip = \"198.51.100.1/33\"\nhome = \"e\"\n",
                     "5:6: ", "has no valid prefix length", "it is 0 to 32"},
        FailingInput{"PrefixLengthNoNumber",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[[group.address]]\n"
                     "ip = \"198.51.100.1/ 24\"\nhome = \"e\"\n",
                     "5:6: ", "has no valid prefix length", "write it as 198.51.100.1/24"},
        FailingInput{"MappedAddress",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[[group.address]]\n"
                     "ip = \"::ffff:198.51.100.1/120\"\nhome = \"e\"\n",
                     "5:6: ", "IPv4-mapped", "write the IPv4 address"},
        FailingInput{"AddressGateway",
                     "[[group]]\nname = \"a\"\nnics = [\"e\"]\n[[group.address]]\n"
                     "ip = \"198.51.100.1/24\"\nhome = \"e\"\ngateway = \"\"\n",
                     "7:11: ", "gateway: '' is no IP address", "write it as"},
        FailingInput{
            "NoIp",
            "[[group]]\nname = \"a\"\nnics = [\"e\"]\n  [[group.address]]\n  home = \"e\"\n",
            "4:3: ", "the address has no ip", "add ip = \"198.51.100.1/24\""}),
    NameOfInput);

}  // namespace
}  // namespace stronghost
