// The command `stronghost`, run in this process against a fake agent: outputs and exit statuses.
#include "agent/cli/cli.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "agent/base/status.h"
#include "agent/cli/detach_offline.h"
#include "agent/serve/orders_json.h"
#include "agent/serve/status_json.h"
#include "agent/serve/version.h"
#include "tests/unit/serve_fixture.h"

namespace stronghost {
namespace {

// What DetachOffline below was called with and answers.
std::vector<std::string> offline_pin_dirs;  // NOLINT: a stub has nowhere else to put it
absl::Status offline_result;                // NOLINT

}  // namespace

absl::Status DetachOffline(const Config& config) {
  offline_pin_dirs.push_back(config.pin_dir);
  return offline_result;
}

namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using testing::FakeAgent;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ServerThread;
using ::testing::StartsWith;

struct Outcome {
  int status = -1;
  std::string out;
  std::string err;
};

class CliTest : public ::testing::Test {
 protected:
  CliTest() {
    offline_pin_dirs.clear();
    offline_result = absl::OkStatus();
  }
  void Start() {
    server_ = std::make_unique<ServerThread>(socket_, &agent_);
    ASSERT_TRUE(server_->started().ok()) << server_->started();
  }
  // Runs `stronghost --socket S ARGS`.
  Outcome Run(std::vector<std::string> args) {
    args.insert(args.begin(), {"--socket", socket_});
    return RunBare(args);
  }
  static Outcome RunBare(std::vector<std::string> args) {
    args.insert(args.begin(), "stronghost");
    std::vector<const char*> argv;
    for (const std::string& arg : args) {
      argv.push_back(arg.c_str());
    }
    std::ostringstream out;
    std::ostringstream err;
    const int status = RunCli(static_cast<int>(argv.size()), argv.data(),
                              {.out = out, .err = err, .timeout = absl::Seconds(10)});
    return {status, out.str(), err.str()};
  }
  // A failure says so in exactly one line.
  static void ExpectFailure(const Outcome& outcome, const std::string& why) {
    EXPECT_EQ(outcome.status, kExitFailed);
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, StartsWith("stronghost: "));
    EXPECT_THAT(outcome.err, HasSubstr(why));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
  std::string WriteConfig(const std::string& more = "") {
    const std::string file = folder_.File("stronghost.toml");
    std::ofstream(file) << "[agent]\nsocket = \"" << socket_ << "\"\npin_dir = \"/pins\"\n"
                        << more << "\n[[group]]\nname = \"front\"\nnics = [\"eth0\", \"eth1\"]\n";
    return file;
  }

  testing::TempFolder folder_;
  std::string socket_ = folder_.File("agent.sock");
  FakeAgent agent_;
  std::unique_ptr<ServerThread> server_;
};

TEST_F(CliTest, StatusShowsATable) {
  Start();
  const Outcome outcome = Run({"status"});
  EXPECT_EQ(outcome.status, kExitDone) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("eth1 stands in for eth0"));
  EXPECT_EQ(outcome.err, "");
}

TEST_F(CliTest, StatusJsonIsTheWholeReport) {
  agent_.status = testing::LargeStatus(1'234);
  Start();
  for (const std::vector<std::string>& args :
       {std::vector<std::string>{"status", "--json"}, {"--json", "status"}}) {
    const Outcome outcome = Run(args);
    EXPECT_EQ(outcome.status, kExitDone) << outcome.err;
    EXPECT_EQ(Json::parse(outcome.out), StatusToJson(agent_.status));
    EXPECT_THAT(outcome.out, EndsWith("}\n"));
  }
}

TEST_F(CliTest, StatusAllListsEveryAddress) {
  agent_.status = testing::LargeStatus(40);
  Start();
  EXPECT_THAT(Run({"status"}).out, HasSubstr("40 addresses (--all)"));
  EXPECT_THAT(Run({"status", "--all"}).out, HasSubstr("2001:db8::28 "));
}

TEST_F(CliTest, TakesTheSocketBeforeAndAfterTheVerb) {
  Start();
  EXPECT_EQ(RunBare({"status", "--socket", socket_}).status, kExitDone);
  EXPECT_EQ(RunBare({"--socket=" + socket_, "status"}).status, kExitDone);
}

TEST_F(CliTest, ExplainAnswersAsTextAndAsJson) {
  Start();
  const Outcome text = Run({"explain", "198.51.100.1", "203.0.113.9"});
  EXPECT_EQ(text.status, kExitDone) << text.err;
  EXPECT_THAT(text.out, HasSubstr("action    redirect\n"));
  const Outcome json = Run({"explain", "--json", "fe80::1%eth0", "fe80::9"});
  EXPECT_EQ(json.status, kExitDone) << json.err;
  EXPECT_EQ(Json::parse(json.out), ExplainToJson(testing::SampleExplain()));
  EXPECT_EQ(agent_.asked, "fe80::1 fe80::9 eth0");
}

TEST_F(CliTest, ExplainHandsOnARefusal) {
  agent_.explain = absl::NotFoundError("no NIC has index 9; name another");
  Start();
  ExpectFailure(Run({"explain", "198.51.100.1", "203.0.113.9"}),
                "no NIC has index 9; name another\n");
  ExpectFailure(Run({"--json", "explain", "198.51.100.1", "2001:db8::1"}), "two families");
}

TEST_F(CliTest, DrainAndUndrainSayWhoCarriesTheAddresses) {
  Start();
  const Outcome text = Run({"drain", "eth0"});
  EXPECT_EQ(text.status, kExitDone) << text.err;
  EXPECT_EQ(text.out, "eth0 is drained: eth1 carries its 2 addresses\n");
  EXPECT_EQ(agent_.asked, "drain eth0");
  const Outcome json = Run({"drain", "--force", "--json", "eth0"});
  EXPECT_EQ(Json::parse(json.out), DrainToJson(*agent_.drain));
  EXPECT_EQ(agent_.asked, "drain eth0 by force");
  agent_.drain = DrainReport{"eth0", "up", "eth0", 1};
  EXPECT_EQ(Run({"undrain", "eth0"}).out, "eth0 is up: it carries its 1 address\n");
  EXPECT_EQ(agent_.asked, "undrain eth0");
  agent_.drain = DrainReport{"eth0", "missing", "", 0};
  EXPECT_EQ(Run({"undrain", "eth0"}).out, "eth0 is missing: nothing carries its 0 addresses\n");
  EXPECT_EQ(Run({"drain"}).status, kExitUsage);
  EXPECT_EQ(Run({"undrain", "--force", "eth0"}).status, kExitUsage);
}

TEST_F(CliTest, MoveSaysWhereTheAddressLives) {
  Start();
  const Outcome text = Run({"move", "198.51.100.1", "eth1"});
  EXPECT_EQ(text.status, kExitDone) << text.err;
  EXPECT_EQ(text.out, "198.51.100.1 lives on eth1 now, not on eth0\n");
  EXPECT_EQ(agent_.asked, "move 198.51.100.1 eth1");
  EXPECT_EQ(Json::parse(Run({"move", "--json", "198.51.100.1", "eth1"}).out),
            MoveToJson(*agent_.move));
  agent_.move = MoveReport{"198.51.100.1", "eth0", "eth1", 2, 0};
  EXPECT_EQ(Run({"move", "198.51.100.1", "eth1"}).out,
            "198.51.100.1 lives on eth1 now, not on eth0; that ended 2 masqueraded sessions\n");
  agent_.move = MoveReport{"198.51.100.1", "eth0", "eth1", 0, 600};
  EXPECT_EQ(
      Run({"move", "198.51.100.1", "eth1"}).out,
      "198.51.100.1 lives on eth1 now, not on eth0; it expires in 600 s: what prolongs it (DHCP, "
      "router advertisements) is heard on eth0 only\n");
  agent_.move = MoveReport{"198.51.100.1", "eth1", "eth1", 0, 0};
  EXPECT_EQ(Run({"move", "198.51.100.1", "eth1"}).out, "198.51.100.1 lives on eth1, as before\n");
  agent_.move = absl::FailedPreconditionError("eth1 is down; bring it up");
  ExpectFailure(Run({"move", "198.51.100.1", "eth1"}), "eth1 is down; bring it up\n");
  EXPECT_EQ(Run({"move", "198.51.100.1"}).status, kExitUsage);
}

TEST_F(CliTest, WhatIfSaysWhatWouldChange) {
  agent_.what_if = WhatIfReport{{{"front", "eth0", "eth0", "eth1", 3},
                                 {"front", "eth1", "eth1", "eth1", 1},
                                 {"front", "eth2", "eth2", "", 1},
                                 {"front", "eth3", "eth0", "eth3", 2}},
                                {{"eth0", "eth1", 2}}};
  Start();
  const Outcome text = Run({"what-if", "--gone", "eth0", "eth2"});
  EXPECT_EQ(text.status, kExitDone) << text.err;
  EXPECT_EQ(text.out,
            "eth1 would stand in for eth0 (3 addresses)\n"
            "nothing would carry eth2 (1 address)\n"
            "eth3 would carry its own frames again (2 addresses)\n"
            "2 addresses of eth0 would live on eth1\n");
  EXPECT_EQ(agent_.asked, "what-if eth0 eth2 gone");
  EXPECT_EQ(Json::parse(Run({"what-if", "--json", "eth0"}).out), WhatIfToJson(*agent_.what_if));
  EXPECT_EQ(agent_.asked, "what-if eth0");
  agent_.what_if = WhatIfReport{{{"front", "eth1", "eth1", "eth1", 1}}, {}};
  EXPECT_EQ(Run({"what-if", "eth0"}).out, "nothing would change\n");
  agent_.what_if = absl::NotFoundError("no group has a NIC 'eth9'; name one of eth0");
  ExpectFailure(Run({"what-if", "eth9"}), "no group has a NIC 'eth9'; name one of eth0\n");
  EXPECT_EQ(Run({"what-if"}).status, kExitUsage);
}

TEST_F(CliTest, DrainHandsOnARefusal) {
  agent_.drain = absl::FailedPreconditionError("eth0 is the last usable NIC; bring another one up");
  Start();
  ExpectFailure(Run({"drain", "eth0"}), "eth0 is the last usable NIC; bring another one up\n");
}

TEST_F(CliTest, SaysWhatToDoWhereNobodyAnswers) {
  ExpectFailure(Run({"status"}), "no agent answers at " + socket_ + "; start stronghostd");
  ExpectFailure(Run({"status", "--json"}), "no agent answers");
  ExpectFailure(Run({"explain", "198.51.100.1", "203.0.113.9"}), "no agent answers");
  ExpectFailure(RunBare({"--socket", std::string(300, 'x'), "status"}), "too long");
}

TEST_F(CliTest, FailsWhereTheOutputCannotBeWritten) {
  Start();
  std::ofstream full("/dev/full");
  std::ostringstream err;
  const std::vector<const char*> argv = {"stronghost", "status", "--socket", socket_.c_str()};
  EXPECT_EQ(RunCli(static_cast<int>(argv.size()), argv.data(), {.out = full, .err = err}),
            kExitFailed);
  EXPECT_THAT(err.str(), HasSubstr("output can't be written"));
}

TEST_F(CliTest, DetachEndsTheRunningAgent) {
  Start();
  const Outcome outcome = Run({"detach"});
  EXPECT_EQ(outcome.status, kExitDone) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("the agent has exited"));
  EXPECT_NE(access(socket_.c_str(), F_OK), 0);  // it has: nothing is left to wait for
  EXPECT_EQ(agent_.detach_calls, 1);
  EXPECT_THAT(offline_pin_dirs, IsEmpty());
}

TEST_F(CliTest, DetachFindsTheAgentByItsConfiguration) {
  Start();
  const Outcome outcome = RunBare({"detach", "--json", "--config", WriteConfig()});
  EXPECT_EQ(outcome.status, kExitDone) << outcome.err;
  EXPECT_EQ(Json::parse(outcome.out), Json({{"detached", true}, {"agent_was_running", true}}));
  EXPECT_EQ(agent_.detach_calls, 1);
}

TEST_F(CliTest, DetachHandsOnARefusal) {
  agent_.detach = absl::PermissionDeniedError("remove the filter of eth0: not permitted; be root");
  Start();
  ExpectFailure(Run({"detach"}), "remove the filter of eth0: not permitted; be root\n");
}

TEST_F(CliTest, DetachWorksWithoutAnAgent) {
  const Outcome outcome = RunBare({"detach", "--config", WriteConfig()});
  EXPECT_EQ(outcome.status, kExitDone) << outcome.err;
  EXPECT_THAT(outcome.out, StartsWith("detached"));
  EXPECT_THAT(offline_pin_dirs, ElementsAre("/pins"));
  offline_result = absl::InternalError("unpin /pins: busy; try again");
  ExpectFailure(RunBare({"detach", "--config", WriteConfig()}), "unpin /pins: busy; try again");
}

TEST_F(CliTest, DetachWithoutAnAgentNeedsAGoodConfiguration) {
  ExpectFailure(Run({"detach"}), "--config");
  ExpectFailure(Run({"detach", "--config", folder_.File("none.toml")}), "none.toml");
  ExpectFailure(Run({"detach", "--config", WriteConfig("colour = 1\nflavour = 2\n")}), "colour");
  EXPECT_THAT(offline_pin_dirs, IsEmpty());
}

// On this machine as it is; nothing is sent.
TEST_F(CliTest, SuggestNeedsNoAgentAndSaysWhereOneAnswers) {
  const Outcome alone = Run({"suggest", "--no-probe"});
  EXPECT_EQ(alone.status, kExitDone) << alone.err;
  EXPECT_THAT(alone.out, HasSubstr("GUESSED"));
  EXPECT_EQ(alone.err, "");
  agent_.status.groups.clear();  // with NICs it would be another host's
  Start();
  const Outcome beside = Run({"suggest", "--no-probe", "--json"});
  EXPECT_EQ(beside.status, kExitDone);
  EXPECT_EQ(beside.err, "stronghost: an agent answers at the socket; going on\n");
  const Json json = Json::parse(beside.out);
  EXPECT_TRUE(json.at("config").is_string() && json.at("groups").is_array() &&
              json.at("notes").is_array() && json.at("left_out").is_array());
  EXPECT_EQ(json.at("probed"), false);
}

TEST_F(CliTest, DoctorKeepsItsContract) {
  Start();
  const std::string file = WriteConfig();
  const Outcome outcome = Run({"doctor", "--json", "--config", file});
  const Json json = Json::parse(outcome.out);
  bool failed = false;
  for (const Json& check : json.at("checks")) {
    EXPECT_THAT(check.at("status"), ::testing::AnyOf("ok", "warn", "fail"));
    EXPECT_TRUE(check.at("name").is_string() && check.at("detail").is_string() &&
                check.at("fix").is_string());
    failed |= check.at("status") == "fail";
  }
  EXPECT_EQ(outcome.status, failed ? kExitFailed : kExitDone);
  const Outcome bad = Run({"doctor", "--config", WriteConfig("colour = 1\n")});
  EXPECT_EQ(bad.status, kExitFailed);
  EXPECT_THAT(bad.out, HasSubstr("fail  configuration: "));
  EXPECT_THAT(bad.err, HasSubstr("failed; mend what is told"));
}

TEST_F(CliTest, PrintsVersionAndHelp) {
  const Outcome version = RunBare({"--version"});
  EXPECT_EQ(version.status, kExitDone);
  EXPECT_EQ(version.out, std::string("stronghost ") + Version() + "\n");
  const Outcome help = RunBare({"--help"});
  EXPECT_EQ(help.status, kExitDone);
  for (const char* part :
       {"status", "explain", "suggest", "doctor", "detach", "--json", "--socket", "Exit status"}) {
    EXPECT_THAT(help.out, HasSubstr(part));
  }
  const Outcome verb = RunBare({"status", "--help"});
  EXPECT_EQ(verb.status, kExitDone);
  EXPECT_THAT(verb.out, HasSubstr("--all"));
  EXPECT_EQ(verb.err, "");
}

TEST_F(CliTest, RefusesCommandLinesThatMakeNoSense) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "no command"},
      {{"--json"}, "no command"},
      {{"frobnicate"}, "'frobnicate' is no command"},
      {{"frobnicate", "--json"}, "'frobnicate' is no command"},
      {{"pour", "eth0"}, "'pour' is no command"},
      {{"--frobnicate", "status"}, "--frobnicate"},
      {{"status", "--frobnicate"}, "--frobnicate"},
      {{"status", "extra"}, "extra"},
      {{"status", "--socket"}, "--socket"},
      {{"explain"}, "SRC"},
      {{"explain", "198.51.100.1"}, "DST"},
      {{"explain", "198.51.100.1", "203.0.113.9", "2001:db8::1"}, "2001:db8::1"},
      {{"explain", "eth0", "203.0.113.9"}, "'eth0' is no IP address"},
      {{"explain", "198.51.100.1", "198.51.100.0/24"}, "198.51.100.0/24"},
      {{"detach", "--config"}, "--config"},
      {{"suggest", "eth0"}, "eth0"},
      {{"doctor", "eth0"}, "eth0"},
      {{"status", "explain"}, "explain"}};
  for (const auto& [args, what] : cases) {
    const Outcome outcome = RunBare(args);
    EXPECT_EQ(outcome.status, kExitUsage) << what << ": " << outcome.err;
    EXPECT_EQ(outcome.out, "") << what;
    EXPECT_THAT(outcome.err, StartsWith("stronghost: "));
    EXPECT_THAT(outcome.err, HasSubstr(what));
    EXPECT_THAT(outcome.err, HasSubstr("--help\n"));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }
  EXPECT_EQ(agent_.status_calls, 0);
}

TEST(WantsColor, OnlyOnATerminalThatDoesNotMind) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0) {
    GTEST_SKIP() << "no pseudo-terminal here";
  }
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  EXPECT_TRUE(WantsColor(terminal));
  setenv("NO_COLOR", "", 1);
  EXPECT_TRUE(WantsColor(terminal));
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(WantsColor(terminal));
  unsetenv("NO_COLOR");
  setenv("TERM", "dumb", 1);
  EXPECT_FALSE(WantsColor(terminal));
  setenv("TERM", "xterm", 1);
  const int file = open("/dev/null", O_RDWR | O_CLOEXEC);
  EXPECT_FALSE(WantsColor(file));
  close(file);
  close(terminal);
}

}  // namespace
}  // namespace stronghost
