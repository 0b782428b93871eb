// What the agent refuses, what it reports, and what it leaves alone.
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lab/agent_fixture.h"
#include "tests/lib/await.h"

namespace stronghost::lab {
namespace {

using ::testing::HasSubstr;

class Refusal : public AgentLab {
 protected:
  // Runs the daemon on a configuration that it must refuse; returns its output.
  std::string Refused(const std::string& groups) {
    auto agent = Agent::Prepare(lab().server(), {.groups = groups});
    EXPECT_OK(agent);
    const auto result =
        lab().server().Exec({ProgramPath("stronghostd"), "--config", agent->config_path()});
    EXPECT_OK(result);
    EXPECT_EQ(result->exit_status, 1) << result->output;
    const auto rules = lab().server().Check({"ip", "rule"});
    EXPECT_OK(rules);
    EXPECT_EQ(rules->find("proto 83"), std::string::npos) << "something was changed";
    return result->output;
  }

  void SetUp() override {
    auto lab = Lab::Create();
    ASSERT_OK(lab);
    lab_ = *std::move(lab);
  }
};

TEST_F(Refusal, NamesEveryErrorWithItsPlaceAtOnce) {
  const std::string output =
      Refused(GroupToml({"eth0", "eth1"}, "mac = \"both\"\nfrobnicate = 1\nfailback = \"soon\"\n"));
  EXPECT_THAT(output, HasSubstr("mac"));
  EXPECT_THAT(output, HasSubstr("frobnicate"));
  EXPECT_THAT(output, HasSubstr("soon"));
  const std::regex place(R"(stronghost\.toml:\d+:\d+: )");
  EXPECT_EQ(std::distance(std::sregex_iterator(output.begin(), output.end(), place), {}), 3);
}

TEST_F(Refusal, OfANicInTwoGroups) {
  EXPECT_THAT(Refused(GroupToml({"eth0"}) + "[[group]]\nname = \"back\"\nnics = [\"eth0\"]\n"),
              HasSubstr("eth0"));
}

TEST_F(Refusal, OfTwoHomesForOneAddress) {
  EXPECT_THAT(Refused(GroupToml({"eth0", "eth1"},
                                "[[group.address]]\nip = \"198.51.100.9/24\"\nhome = \"eth0\"\n"
                                "[[group.address]]\nip = \"198.51.100.9/24\"\nhome = \"eth1\"\n")),
              HasSubstr("198.51.100.9"));
}

TEST_F(Refusal, OfAnAddressOutsideEveryMembersSubnet) {
  EXPECT_THAT(Refused(GroupToml({"eth0", "eth1"},
                                "[[group.address]]\nip = \"203.0.113.77/24\"\nhome = \"eth0\"\n")),
              HasSubstr("203.0.113.77"));
}

TEST_F(Refusal, OfABridgePort) {
  ASSERT_OK(lab().server().IpBatch("link add br9 type bridge\nlink set eth1 master br9\n"));
  EXPECT_THAT(Refused(GroupToml({"eth0", "eth1"})), HasSubstr("br9"));
}

TEST_F(Refusal, CheckOnlyChangesNothingAndExitsByTheVerdict) {
  auto agent = Agent::Prepare(lab().server(), {.groups = GroupToml({"eth0", "eth1"})});
  ASSERT_OK(agent);
  const auto good = lab().server().Exec(
      {ProgramPath("stronghostd"), "--config", agent->config_path(), "--check"});
  ASSERT_OK(good);
  EXPECT_EQ(good->exit_status, 0) << good->output;
  ASSERT_OK(agent->WriteConfig({.groups = "[[group]]\nname = 3\n"}));
  const auto bad = lab().server().Exec(
      {ProgramPath("stronghostd"), "--config", agent->config_path(), "--check"});
  ASSERT_OK(bad);
  EXPECT_EQ(bad->exit_status, 1);
}

TEST_F(AgentLab, AMissingNicIsReportedAndTheRestWorks) {
  auto lab_result = Lab::Create();
  ASSERT_OK(lab_result);
  lab_ = *std::move(lab_result);
  auto agent =
      Agent::Start(lab().server(), {.groups = GroupToml({"eth0", "eth9"}, GroupKeys("follow"))});
  ASSERT_OK(agent);
  EXPECT_OK(agent->AwaitState("eth9", "missing"));
  EXPECT_OK(agent->AwaitState("eth0", "up"));
}

// RFC 4862 5.4.5: it is the other host's, which is no intruder, and nothing of ours goes by it.
TEST_F(AgentLab, AnAddressThatAnotherHostHasIsToldWithTheMendAndIsNotAnnounced) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("stay")));
  std::vector<std::unique_ptr<Capture>> ports;
  for (const int nic : {0, 1}) {
    auto port = Capture::Start(lab().switch_netns(), LabPlan::Port(nic),
                               {.direction = CaptureOptions::Direction::kIncoming});
    ASSERT_OK(port);
    ports.push_back(*std::move(port));
  }
  const IpAddress taken = ClientAddress(AF_INET6);
  const std::string prefix = absl::StrCat(taken.ToString(), "/64");
  const auto told = [&]() -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(const nlohmann::json status, agent().Status());
    return absl::StrContains(
        status.at("problems").dump(),
        absl::StrCat(prefix,
                     " on eth0 failed duplicate address detection: another host has it; "
                     "give it another address"));
  };
  ASSERT_OK(lab().server().Check({"ip", "addr", "add", prefix, "dev", "eth0"}));
  EXPECT_OK(Await(
      absl::Seconds(20), [&] { return told().value_or(false); }, "the problem"))
      << agent().Log();
  const auto status = agent().Status();
  ASSERT_OK(status);
  for (const nlohmann::json& address : status->at("groups").at(0).at("addresses")) {
    EXPECT_NE(address.at("ip"), taken.ToString());
  }

  const auto advertises = [](const IpAddress& ip) {
    return [ip](const CapturedFrame& frame) {
      const Frame parsed = frame.Parse();
      return parsed.IsAdvertisement() && parsed.neighbor->target == ip;
    };
  };
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  ASSERT_OK(ports[1]->AwaitFrame(advertises(Address(0, AF_INET6)), absl::Seconds(10)));
  ASSERT_NO_FATAL_FAILURE(PlugAndAwait(0));
  ASSERT_OK(ports[0]->AwaitFrame(advertises(Address(0, AF_INET6)), absl::Seconds(10)));
  for (const auto& port : ports) {
    for (const CapturedFrame& frame : port->Frames()) {
      EXPECT_FALSE(advertises(taken)(frame)) << frame.Parse().ToString();
    }
  }
  EXPECT_THAT(agent().Log(), ::testing::Not(HasSubstr("claims")));

  ASSERT_OK(lab().server().Check({"ip", "addr", "del", prefix, "dev", "eth0"}));
  EXPECT_OK(Await(
      absl::Seconds(20), [&] { return !told().value_or(true); }, "no problem"));
}

TEST_F(AgentLab, ForeignXdpAndTcProgramsStayAndAreReported) {
  auto lab_result = Lab::Create();
  ASSERT_OK(lab_result);
  lab_ = *std::move(lab_result);
  // Any program will do: here, those of another agent on the same NIC.
  const std::string keys = absl::StrCat(GroupKeys("follow"), "xdp = \"native\"\n");
  auto first = Agent::Start(lab().server(), {.groups = GroupToml({"eth0"}, keys)});
  ASSERT_OK(first);
  ASSERT_OK(first->Kill());
  const auto before = lab().server().Check({"bpftool", "net"});
  ASSERT_OK(before);
  auto second = Agent::Start(lab().server(), {.groups = GroupToml({"eth0", "eth1"}, keys)});
  ASSERT_OK(second);
  const auto status = second->Status();
  ASSERT_OK(status);
  EXPECT_THAT(status->at("problems").dump(), HasSubstr("sh_steer"));
  EXPECT_THAT(status->at("problems").dump(), HasSubstr("XDP"));
  const auto detached = second->Command({"detach"});
  ASSERT_OK(detached);
  EXPECT_EQ(detached->exit_status, 0) << detached->output;
  const auto after = lab().server().Check({"bpftool", "net"});
  ASSERT_OK(after);
  EXPECT_EQ(*after, *before);
}

TEST_F(AgentLab, ReloadTakesAGoodConfigurationAndKeepsTheOldOneOverABadOne) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_OK(agent().WriteConfig({.groups = "[[group]]\nnics = 3\n"}));
  ASSERT_OK(agent().process().Kill(SIGHUP));
  ASSERT_OK(agent().process().AwaitOutput("the old configuration stays", absl::Seconds(10)));
  ASSERT_OK(agent().WriteConfig({.groups = GroupToml({"eth0", "eth1"}, GroupKeys("stay"))}));
  ASSERT_OK(agent().process().Kill(SIGHUP));
  ASSERT_OK(agent().process().AwaitOutput("reloaded", absl::Seconds(10)));
  const auto status = agent().Status();
  ASSERT_OK(status);
  EXPECT_EQ(status->at("groups").at(0).at("mac"), "stay");
}

// A file that is right in itself, but not on this machine: what the agent reads to find out must
// not disturb what it does.
TEST_F(AgentLab, ReloadRefusesWhatDoesNotFitTheMachineAndGoesOn) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_OK(agent().WriteConfig(
      {.groups = GroupToml({"eth0", "eth1"},
                           "[[group.address]]\nip = \"203.0.113.77/24\"\nhome = \"eth0\"\n")}));
  for (int round = 0; round < 3; ++round) {
    ASSERT_OK(agent().process().Kill(SIGHUP));
    const auto status = agent().Status();
    ASSERT_OK(status);
    EXPECT_EQ(status->at("groups").at(0).at("nics").size(), 2U);
  }
  ASSERT_OK(agent().process().AwaitOutput("does not fit this machine", absl::Seconds(10)));
  EXPECT_THAT(agent().Log(),
              ::testing::ContainsRegex("stronghost.toml:[0-9]+:[0-9]+: .*203.0.113"));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  ASSERT_NO_FATAL_FAILURE(PlugAndAwait(0));
}

// What the agent took over from a NIC is given back when a reload takes the NIC out.
TEST_F(AgentLab, ANicThatAReloadTakesOutIsAsItWas) {
  auto lab_result = Lab::Create({.nics = 3});
  ASSERT_OK(lab_result);
  lab_ = *std::move(lab_result);
  const auto knob = [&] {
    return lab().server().Sysctl("net/ipv4/conf/eth2/arp_announce").value_or("?");
  };
  const auto filters = [&] {
    return lab().server().Check({"bridge", "fdb", "show", "dev", "eth2"}).value_or("?");
  };
  const std::string knob_before = knob();
  const std::string filters_before = filters();
  auto agent = Agent::Start(lab().server(),
                            {.groups = GroupToml({"eth0", "eth1", "eth2"}, GroupKeys("follow"))});
  ASSERT_OK(agent);
  EXPECT_NE(knob(), knob_before);
  EXPECT_NE(filters(), filters_before);
  ASSERT_OK(agent->WriteConfig({.groups = GroupToml({"eth0", "eth1"}, GroupKeys("follow"))}));
  ASSERT_OK(agent->process().Kill(SIGHUP));
  ASSERT_OK(agent->process().AwaitOutput("reloaded", absl::Seconds(10)));
  EXPECT_EQ(knob(), knob_before);
  EXPECT_EQ(filters(), filters_before);
}

// Nothing is taken back by half: where the state file can't be written the agent stays in force.
TEST_F(AgentLab, ADetachThatCannotBeRecordedIsRefusedAndTheAgentGoesOn) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  std::filesystem::remove_all(agent().state_dir());
  std::ofstream(agent().state_dir()) << "in the way";
  const auto refused = agent().Command({"detach"});
  ASSERT_OK(refused);
  EXPECT_NE(refused->exit_status, 0);
  EXPECT_THAT(refused->output, HasSubstr("nothing was detached"));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  std::filesystem::remove(agent().state_dir());
  const auto detached = agent().Command({"detach"});
  ASSERT_OK(detached);
  EXPECT_EQ(detached->exit_status, 0) << detached->output;
}

// maps/README.md names a bpftool command for every map; each works, and tells what status tells.
TEST_F(AgentLab, EveryBpftoolCommandOfTheMapsReadmeWorksAndAgreesWithStatus) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow", "never")));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  std::ifstream file(std::string(SH_SOURCE_DIR) + "/maps/README.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string readme = text.str();
  const auto status = agent().Status();
  ASSERT_OK(status);
  const std::regex command(
      R"(`bpftool (map (?:dump|show|lookup) pinned )/sys/fs/bpf/stronghost(/(\w+)[^`]*)`)");
  std::set<std::string> seen;
  for (std::sregex_iterator it(readme.begin(), readme.end(), command), end; it != end; ++it) {
    const auto output = lab().server().Check(
        {"sh", "-c",
         absl::StrCat("bpftool -j ", (*it)[1].str(), agent().pin_dir(), (*it)[2].str())});
    ASSERT_OK(output);
    const auto json = nlohmann::json::parse(*output, nullptr, false);
    ASSERT_FALSE(json.is_discarded()) << *output;
    const std::string map = (*it)[3];
    seen.insert(map);
    if (map == "sh_addresses") {
      EXPECT_EQ(json.size(), status->at("groups").at(0).at("addresses").size());
    } else if (map == "sh_nics") {
      EXPECT_EQ(json.size(), 2U);
    } else if (map == "sh_homes") {
      int stand_ins = 0;
      for (const auto& entry : json) {
        const auto& home = entry.at("formatted").at("value");
        stand_ins +=
            home.at("path").at("wire") != 0 && home.at("path").at("wire") != home.at("ifindex") ? 1
                                                                                                : 0;
      }
      EXPECT_EQ(stand_ins, 1);
    }
  }
  EXPECT_EQ(seen, (std::set<std::string>{"sh_addresses", "sh_prefixes", "sh_homes", "sh_gateways",
                                         "sh_nics", "sh_counters", "sh_events", "sh_reply_sources",
                                         "sh_reply_except", "sh_reply_marks", "sh_source_routes",
                                         "sh_source_tables"}));
  for (const auto& [verdict, packets] : status->at("counters").items()) {
    EXPECT_NE(readme.find(absl::StrCat("`", verdict, "`")), std::string::npos) << verdict;
  }
}

}  // namespace
}  // namespace stronghost::lab
