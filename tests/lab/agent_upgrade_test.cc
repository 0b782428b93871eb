// G6 under 1,000 packets/s: a reload of whatever changed, and an upgrade to a build whose programs
// and maps are others.
#include <bpf/bpf.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "agent/base/unique_fd.h"
#include "maps/homes.h"
#include "tests/lab/agent_fixture.h"
#include "tests/lib/await.h"
#include "tests/lib/cgroup.h"

namespace stronghost::lab {
namespace {

class Upgrade : public AgentLab {
 protected:
  void StartAll() {
    ASSERT_NO_FATAL_FAILURE(StartStreams(streams_));
    Continue();
  }
  void Continue() { AwaitReceived(streams_, 100); }

  // Writes the configuration, and awaits what the agent says of it.
  void Reload(const AgentOptions& options, const std::string& answer = "reloaded") {
    const int before = agent().TimesLogged(answer);
    ASSERT_OK(agent().WriteConfig(options));
    ASSERT_OK(agent().process().Kill(SIGHUP));
    ASSERT_OK(Await(
        absl::Seconds(10), [&] { return agent().TimesLogged(answer) > before; }, answer))
        << agent().Log();
  }
  std::string HomesMap() { return absl::StrCat(agent().pin_dir(), "/sh_homes"); }
  static uint32_t MapId(const std::string& pin) {
    const UniqueFd map(bpf_obj_get(pin.c_str()));
    bpf_map_info info{};
    uint32_t length = sizeof(info);
    EXPECT_EQ(bpf_obj_get_info_by_fd(map.get(), &info, &length), 0) << pin;
    return info.id;
  }

  std::vector<Stream> streams_;
};

class Service : public Upgrade, public ::testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(, Service, ::testing::Values("auto", "clsact"),
                         [](const auto& tc) { return std::string(tc.param); });

// As `systemctl restart` does it, with the rights that the unit gives and no others.
TEST_P(Service, RestartsWithoutALostPacket) {
  std::string rights;
  std::ifstream unit(SH_SOURCE_DIR "/packaging/stronghostd.service.in");
  for (std::string line; std::getline(unit, line);) {
    absl::string_view value = line;
    if (absl::ConsumePrefix(&value, "CapabilityBoundingSet=")) {
      rights = absl::AsciiStrToLower(absl::StrReplaceAll(value, {{" CAP_", ",+"}, {"CAP_", "+"}}));
    }
  }
  ASSERT_NE(rights, "");
  const auto cgroup = Cgroup::Create("service");
  ASSERT_OK(cgroup);
  const std::string keys = absl::StrCat("tc = \"", GetParam(), "\"\n");
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow"), {}, keys));
  ASSERT_OK(agent().WriteConfig({.groups = GroupToml({"eth0", "eth1"}, GroupKeys("follow")),
                                 .agent_keys = keys,
                                 .cgroup = cgroup->path()}));
  ASSERT_NO_FATAL_FAILURE(StartAll());
  for (int round = 0; round < 3; ++round) {
    const auto exit_status = agent().Stop();
    ASSERT_OK(exit_status);
    EXPECT_EQ(*exit_status, 0);
    ASSERT_NO_FATAL_FAILURE(Continue());
    ASSERT_OK(agent().StartDaemon({"setpriv", absl::StrCat("--bounding-set=-all,", rights)}));
    ASSERT_NO_FATAL_FAILURE(Continue());
  }
  const auto status = agent().Command({"status"});
  ASSERT_OK(status);
  EXPECT_THAT(status->output, ::testing::Not(::testing::HasSubstr("problems")));
  EXPECT_EQ(access((agent().pin_dir() + "/links/reply-sendmsg4").c_str(), F_OK), 0);
  ExpectNoLoss(streams_);
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  ASSERT_NO_FATAL_FAILURE(PlugAndAwait(0));
  const auto detached = agent().Command({"detach"});
  ASSERT_OK(detached);
  EXPECT_EQ(detached->exit_status, 0) << detached->output;
}

TEST_F(Upgrade, ReloadsOfEveryKindLoseNoPacket) {
  const std::vector<std::string> pair = {"eth0", "eth1"};
  const std::string follow = GroupToml(pair, GroupKeys("follow"));
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow"), {.nics = 2}));
  ASSERT_NO_FATAL_FAILURE(StartAll());
  const std::string address =
      "[[group.address]]\nip = \"198.51.100.77/24\"\nhome = \"eth1\"\n"
      "[[group.address]]\nip = \"2001:db8::77/64\"\nhome = \"eth1\"\n";
  const std::vector<AgentOptions> changes = {
      {.groups = GroupToml(pair, GroupKeys("stay"))},
      {.groups = follow, .agent_keys = "host_model = \"weak\"\n"},
      {.groups = GroupToml(pair, GroupKeys("follow") + address)},
      {.groups = GroupToml(pair, GroupKeys("follow") + "policy_rules = false\n")},
      {.groups = GroupToml({"eth0"}, GroupKeys("follow") + "standby = [\"eth1\"]\n")},
      {.groups = GroupToml({"eth0"}, GroupKeys("follow"))},
      {.groups = follow},
  };
  for (const AgentOptions& change : changes) {
    ASSERT_NO_FATAL_FAILURE(Reload(change));
    ASSERT_NO_FATAL_FAILURE(Continue());
    ASSERT_NO_FATAL_FAILURE(
        Reload({.groups = "[[group]]\nnics = 3\n"}, "the old configuration stays"));
    ASSERT_NO_FATAL_FAILURE(Continue());
  }
  ExpectNoLoss(streams_);
}

// What an upgrade to another layout finds: the programs of the old build, at work with its maps.
class OtherLayout : public Upgrade, public ::testing::WithParamInterface<const char*> {
 protected:
  void ReplaceTheAgent() {
    const uint32_t old = MapId(HomesMap());
    ASSERT_OK(agent().Kill());
    const UniqueFd homes(bpf_obj_get(HomesMap().c_str()));
    const uint32_t zero = 0;
    const sh_home stamp{.ifindex = SH_LAYOUT_VERSION + 1};
    ASSERT_EQ(bpf_map_update_elem(homes.get(), &zero, &stamp, BPF_ANY), 0);
    ASSERT_NO_FATAL_FAILURE(Continue());
    ASSERT_OK(agent().StartDaemon());
    EXPECT_NE(MapId(HomesMap()), old);
    EXPECT_THAT(agent().Log(), ::testing::HasSubstr("of another version of stronghost"));
    ASSERT_NO_FATAL_FAILURE(Continue());
  }
  std::string Keys() const { return absl::StrCat("tc = \"", GetParam(), "\"\n"); }
};

INSTANTIATE_TEST_SUITE_P(, OtherLayout, ::testing::Values("auto", "clsact"),
                         [](const auto& tc) { return std::string(tc.param); });

TEST_P(OtherLayout, IsReplacedWithoutALostPacket) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow"), {}, Keys()));
  ASSERT_NO_FATAL_FAILURE(StartAll());
  for (int round = 0; round < 3; ++round) {
    ASSERT_NO_FATAL_FAILURE(ReplaceTheAgent());
  }
  ExpectNoLoss(streams_);
}

TEST_P(OtherLayout, IsReplacedWithoutALostPacketWhileANicStandsIn) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow"), {}, Keys()));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  ASSERT_NO_FATAL_FAILURE(StartAll());
  for (int round = 0; round < 3; ++round) {
    ASSERT_NO_FATAL_FAILURE(ReplaceTheAgent());
    const auto status = agent().Status();
    ASSERT_OK(status);
    EXPECT_EQ(WireOf(*status, Address(0, AF_INET).ToString()), "eth1");
  }
  ASSERT_NO_FATAL_FAILURE(PlugAndAwait(0));
  ASSERT_NO_FATAL_FAILURE(Continue());
  ExpectNoLoss(streams_);
}

}  // namespace
}  // namespace stronghost::lab
