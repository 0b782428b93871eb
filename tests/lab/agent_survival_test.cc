// G6, nothing is lost by the agent's own life: its death, its restart, its leaving.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <string_view>

#include "agent/datapath/tcx.h"
#include "tests/lab/agent_fixture.h"
#include "tests/lib/await.h"

namespace stronghost::lab {
namespace {

class Survival : public AgentLab {
 protected:
  void StartAll() {
    ASSERT_NO_FATAL_FAILURE(StartStreams(streams_));
    Continue();
  }
  void Continue() { AwaitReceived(streams_, 100); }

  std::vector<Stream> streams_;
};

TEST_F(Survival, KillAndStartAgainLosesNoPacket) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_NO_FATAL_FAILURE(StartAll());
  for (int round = 0; round < 5; ++round) {
    ASSERT_OK(agent().Kill());
    ASSERT_NO_FATAL_FAILURE(Continue());
    ASSERT_OK(agent().StartDaemon());
    ASSERT_NO_FATAL_FAILURE(Continue());
  }
  ExpectNoLoss(streams_);
}

TEST_F(Survival, AStandInOutlivesTheAgentAndIsAdoptedByTheNext) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow", "never")));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  ASSERT_NO_FATAL_FAILURE(StartAll());
  ASSERT_OK(agent().Kill());
  ASSERT_NO_FATAL_FAILURE(Continue());
  ASSERT_OK(agent().StartDaemon());
  const auto status = agent().Status();
  ASSERT_OK(status);
  EXPECT_EQ(WireOf(*status, Address(0, AF_INET).ToString()), "eth1");
  ASSERT_NO_FATAL_FAILURE(Continue());
  ExpectNoLoss(streams_);
}

// Without the agent any NIC answers ARP for any address (arp_ignore = 0), and peers believe it.
TEST_F(Survival, PeersThatKnewTheWrongNicAreToldAtTheFirstStart) {
  auto lab_result = Lab::Create();
  ASSERT_OK(lab_result);
  lab_ = *std::move(lab_result);
  const std::string ip = Address(0, AF_INET).ToString();
  ASSERT_OK(
      lab().client().Check({"ip", "neigh", "replace", ip, "lladdr", LabPlan::NicMac(1).ToString(),
                            "dev", LabPlan::kClientNic, "nud", "reachable"}));
  auto agent =
      Agent::Start(lab().server(), {.groups = GroupToml({"eth0", "eth1"}, GroupKeys("follow"))});
  ASSERT_OK(agent);
  const std::string right = "lladdr " + LabPlan::NicMac(0).ToString();
  EXPECT_OK(Await(
      absl::Seconds(10),
      [&] {
        const auto known = lab().client().Check({"ip", "neigh", "show", ip});
        EXPECT_OK(known);
        return known->find(right) != std::string::npos;
      },
      "the client to know eth0's MAC"))
      << agent->Log();
}

// The cable was out before there was an agent: the peers hold the dead NIC's MAC.
TEST_F(Survival, AHomeThatIsDeadAtTheStartIsAnnouncedFromItsStandIn) {
  auto lab_result = Lab::Create();
  ASSERT_OK(lab_result);
  lab_ = *std::move(lab_result);
  ASSERT_OK(lab().PullCable(0));
  auto capture = Capture::Start(lab().switch_netns(), LabPlan::Port(1),
                                {.direction = CaptureOptions::Direction::kIncoming});
  ASSERT_OK(capture);
  auto agent =
      Agent::Start(lab().server(), {.groups = GroupToml({"eth0", "eth1"}, GroupKeys("stay"))});
  ASSERT_OK(agent);
  EXPECT_OK((*capture)->AwaitFrame(
      [&](const CapturedFrame& frame) {
        const Frame parsed = frame.Parse();
        return parsed.arp.has_value() && parsed.arp->sender == Address(0, AF_INET) &&
               parsed.arp->sender_mac == LabPlan::NicMac(1);
      },
      absl::Seconds(10)));
  EXPECT_THAT(agent->Log(), ::testing::HasSubstr("eth1 stands in for eth0"));
}

// No agent at all: the first packet finds the dead wire and flips it.
TEST_F(Survival, TheKernelFailsOverWhileNoAgentRuns) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_NO_FATAL_FAILURE(StartAll());
  ASSERT_OK(agent().Kill());
  ASSERT_OK(lab().PullCable(0));
  ASSERT_NO_FATAL_FAILURE(Continue());
  ASSERT_OK(agent().StartDaemon());
  const auto status = agent().Status();
  ASSERT_OK(status);
  EXPECT_EQ(WireOf(*status, Address(0, AF_INET).ToString()), "eth1");
  for (Stream& stream : streams_) {
    EXPECT_LE(stream.Finish().lost, 10U);  // of some 300: it went on
  }
}

TEST_F(Survival, AdoptFollowsAddressesThatOthersAddAndRemove) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_OK(lab().server().Check({"ip", "addr", "add", "198.51.100.7/24", "dev", "eth1"}));
  ASSERT_OK(agent().AwaitWire("198.51.100.7", "eth1"));
  ASSERT_OK(lab().server().Check({"ip", "addr", "del", "198.51.100.7/24", "dev", "eth1"}));
  ASSERT_OK(agent().AwaitWire("198.51.100.7", ""));
}

class Detach : public AgentLab, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    if (std::string_view(GetParam()) == "tcx" && !TcxSupported()) {
      GTEST_SKIP() << "this kernel has no tcx (Linux 6.6)";
    }
  }
  // Everything that the agent may have touched, as the tools show it.
  std::string Snapshot() {
    std::string all;
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"ip", "-4", "rule"},
             {"ip", "-6", "rule"},
             {"ip", "-4", "route", "show", "table", "all"},
             {"ip", "-6", "route", "show", "table", "all"},
             {"ip", "-d", "link"},
             {"ip", "addr"},
             {"bridge", "fdb"},
             {"tc", "qdisc"},
             {"bpftool", "net"},
             {"sh", "-c", "grep -rs . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf | sort"}}) {
      const auto output = lab().server().Check(command);
      EXPECT_OK(output);
      absl::StrAppend(&all, "# ", command[0], " ", command[1], "\n", output.ok() ? *output : "",
                      "\n");
    }
    return all;
  }

  // The kernel removes the local route of a deleted IPv6 address a moment later.
  void AwaitSnapshot(const std::string& before) {
    const auto same = Await(
        absl::Seconds(5), [&] { return Snapshot() == before; }, "the snapshot");
    if (!same.ok()) {
      EXPECT_EQ(Snapshot(), before);
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Hooks, Detach, ::testing::Values("tcx", "clsact"),
                         [](const auto& mode) { return std::string(mode.param); });

constexpr char kOwnAddress[] =
    "[[group.address]]\nip = \"198.51.100.9/24\"\nhome = \"eth1\"\n"
    "[[group.address]]\nip = \"2001:db8::9/64\"\nhome = \"eth1\"\n";

TEST_P(Detach, LeavesTheHostByteForByteAsItWas) {
  auto built = Lab::Create();
  ASSERT_OK(built);
  lab_ = *std::move(built);
  const std::string before = Snapshot();
  auto agent = Agent::Start(
      lab().server(),
      {.groups = GroupToml({"eth0", "eth1"}, absl::StrCat(GroupKeys("follow"), kOwnAddress)),
       .agent_keys = absl::StrCat("tc = \"", GetParam(), "\"\n")});
  ASSERT_OK(agent);
  EXPECT_OK(agent->AwaitWire("198.51.100.9", "eth1"));
  EXPECT_NE(Snapshot(), before);
  const auto detached = agent->Command({"detach"});
  ASSERT_OK(detached);
  EXPECT_EQ(detached->exit_status, 0) << detached->output << agent->Log();
  AwaitSnapshot(before);
  EXPECT_NE(access(agent->pin_dir().c_str(), F_OK), 0);
}

TEST_P(Detach, WorksWithoutARunningDaemon) {
  auto built = Lab::Create();
  ASSERT_OK(built);
  lab_ = *std::move(built);
  const std::string before = Snapshot();
  auto agent = Agent::Start(
      lab().server(),
      {.groups = GroupToml({"eth0", "eth1"}, absl::StrCat(GroupKeys("stay"), kOwnAddress)),
       .agent_keys = absl::StrCat("tc = \"", GetParam(), "\"\n")});
  ASSERT_OK(agent);
  ASSERT_OK(agent->Kill());
  const std::string attached = Snapshot();
  const std::vector<std::string> detach = {
      ProgramPath("stronghost"), "--socket", agent->socket_path(), "detach", "--config",
      agent->config_path()};
  // Half of it can't be undone from another namespace: none of it is. The second way hides bpffs,
  // as `ip netns exec` does.
  std::vector<std::string> hidden = {
      "unshare", "-m", "sh", "-c", "mount -t sysfs sysfs /sys && exec \"$@\"", "sh"};
  hidden.insert(hidden.end(), detach.begin(), detach.end());
  for (const std::vector<std::string>& command : {detach, hidden}) {
    const auto elsewhere = lab().client().Exec(command);
    ASSERT_OK(elsewhere);
    EXPECT_NE(elsewhere->exit_status, 0);
    EXPECT_THAT(elsewhere->output, testing::HasSubstr("nothing was detached"));
    EXPECT_THAT(elsewhere->output, testing::HasSubstr("network namespace"));
    EXPECT_EQ(Snapshot(), attached);
  }
  for (int i = 0; i < 2; ++i) {  // the second time there is nothing to do
    const auto detached = lab().server().Exec(detach);
    ASSERT_OK(detached);
    EXPECT_EQ(detached->exit_status, 0) << detached->output;
    AwaitSnapshot(before);
    EXPECT_NE(access(agent->pin_dir().c_str(), F_OK), 0);
  }
}

TEST_P(Detach, ThatWasHalfDoneIsDoneToItsEndWithoutARunningDaemon) {
  auto built = Lab::Create();
  ASSERT_OK(built);
  lab_ = *std::move(built);
  const std::string before = Snapshot();
  auto agent =
      Agent::Start(lab().server(), {.groups = GroupToml({"eth0", "eth1"}, GroupKeys("follow")),
                                    .agent_keys = absl::StrCat("tc = \"", GetParam(), "\"\n")});
  ASSERT_OK(agent);
  ASSERT_OK(agent->Kill());
  // Another network namespace has a share in the state file, as if its agent had the same folder.
  const std::string state_path = agent->state_dir() + "/state.json";
  nlohmann::json state = nlohmann::json::parse(std::ifstream(state_path));
  nlohmann::json& sections = state.at("namespaces");
  sections["7"] = *sections.begin();
  std::ofstream(state_path) << state;
  const auto detach = [&] { return agent->Command({"detach", "--config", agent->config_path()}); };
  {
    const UniqueFd pins(open(agent->pin_dir().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(flock(pins.get(), LOCK_EX | LOCK_NB), 0);
    const auto half = detach();
    ASSERT_OK(half);
    EXPECT_NE(half->exit_status, 0);
    EXPECT_THAT(half->output, testing::HasSubstr("some things stayed"));
  }
  const auto whole = detach();
  ASSERT_OK(whole);
  EXPECT_EQ(whole->exit_status, 0) << whole->output;
  AwaitSnapshot(before);
  EXPECT_NE(access(agent->pin_dir().c_str(), F_OK), 0);
}

}  // namespace
}  // namespace stronghost::lab
