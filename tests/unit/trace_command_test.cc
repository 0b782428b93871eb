// Tracing over the control socket, and the command `stronghost trace`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/cli/cli.h"
#include "agent/serve/agent_service.h"
#include "tests/unit/serve_fixture.h"

namespace stronghost {
namespace {

using testing::FakeAgent;
using ::testing::HasSubstr;
using testing::ServerThread;
using testing::TempFolder;

const std::string kTrace = "io.stronghost.Agent.Trace";

Event PacketOn(const std::string& nic, const std::string& verdict) {
  return {.time = absl::FromUnixMicros(1),
          .event = "packet",
          .group = "front",
          .nic = nic,
          .detail = "198.51.100.1:443 > 198.51.100.9:51000 TCP, 74 bytes",
          .more = {{"verdict", verdict}, {"program", "steer"}}};
}

VarlinkReply First(const Json& parameters, FakeAgent* agent) {
  return *AnswerCall({.method = kTrace, .parameters = parameters, .more = true}, agent)();
}

TEST(TraceService, IsForThoseWhoWantMore) {
  FakeAgent agent;
  EXPECT_EQ(AnswerCall({.method = kTrace}, &agent)()->error, "org.varlink.service.ExpectedMore");
}

TEST(TraceService, SaysThatItTracesAndThenShowsPackets) {
  FakeAgent agent;
  agent.packets = {PacketOn("eth0", "out_steer")};
  const VarlinkReplies replies = AnswerCall({.method = kTrace, .more = true}, &agent);
  const auto first = replies();
  EXPECT_EQ(first->parameters["event"], "tracing");
  EXPECT_TRUE(first->continues);
  const auto second = replies();
  EXPECT_EQ(second->parameters["event"], "packet");
  EXPECT_EQ(second->parameters["verdict"], "out_steer");
  EXPECT_TRUE(second->continues);
  EXPECT_FALSE(replies().has_value());
  EXPECT_EQ(agent.asked, "trace ::  ");
}

TEST(TraceService, NamesTheParameterThatIsWrong) {
  FakeAgent agent;
  for (const auto& [parameters, wrong] : {std::pair{Json{{"address", 1}}, "address"},
                                          {Json{{"nic", true}}, "nic"},
                                          {Json{{"verdicts", "out_steer"}}, "verdicts"}}) {
    const VarlinkReply reply = First(parameters, &agent);
    EXPECT_EQ(reply.error, "org.varlink.service.InvalidParameter");
    EXPECT_EQ(reply.parameters["parameter"], wrong);
    EXPECT_FALSE(reply.continues);
  }
  EXPECT_EQ(agent.asked, "");
}

TEST(TraceService, TakesAddressesAsStatusPrintsThem) {
  FakeAgent agent;
  First({{"address", "fe80::1%eth0"}}, &agent);
  EXPECT_EQ(agent.asked, "trace fe80::1 eth0 ");
}

TEST(TraceService, RefusesWhatTheAgentRefuses) {
  FakeAgent agent;
  EXPECT_EQ(First({{"address", "nowhere"}}, &agent).error, "io.stronghost.Agent.Refused");
  EXPECT_EQ(First({{"address", "::"}}, &agent).error, "io.stronghost.Agent.Refused");
  agent.trace = absl::NotFoundError("no group has a NIC 'eth9'; name one of eth0, eth1");
  const VarlinkReply reply = First({{"nic", "eth9"}}, &agent);
  EXPECT_EQ(reply.error, "io.stronghost.Agent.Refused");
  EXPECT_EQ(reply.parameters["mend"], "name one of eth0, eth1");
  EXPECT_FALSE(reply.continues);
}

struct Traced {
  int status = -1;
  std::vector<std::string> lines;
  std::string err;
};

class TraceCommandTest : public ::testing::Test {
 protected:
  Traced Run(std::vector<const char*> args) {
    ServerThread server(path_, &agent_);
    EXPECT_TRUE(server.started().ok()) << server.started();
    std::ostringstream out;
    std::ostringstream err;
    args.insert(args.begin(), {"stronghost", "--socket", path_.c_str(), "trace"});
    const int status = RunCli(static_cast<int>(args.size()), args.data(),
                              {.out = out, .err = err, .timeout = absl::Seconds(10)});
    return {status, absl::StrSplit(out.str(), '\n', absl::SkipEmpty()), err.str()};
  }

  TempFolder folder_;
  std::string path_ = folder_.File("agent.sock");
  FakeAgent agent_;
};

TEST_F(TraceCommandTest, PrintsALineForEachPacketAndEndsAfterTheCount) {
  agent_.packets = {PacketOn("eth0", "out_steer"), PacketOn("eth1", "out_carried"),
                    PacketOn("eth1", "in_pass")};
  const Traced traced = Run({"--count", "2"});
  EXPECT_EQ(traced.status, kExitDone) << traced.err;
  ASSERT_EQ(traced.lines.size(), 3U);
  EXPECT_THAT(traced.lines[0], HasSubstr("  tracing          packets that end in a verdict"));
  EXPECT_THAT(traced.lines[1],
              HasSubstr("  eth0      out_steer        198.51.100.1:443 > 198.51.100.9:51000 TCP"));
  EXPECT_THAT(traced.lines[2], HasSubstr("  eth1      out_carried      198.51.100.1:443"));
}

TEST_F(TraceCommandTest, PrintsAnObjectALineAndSaysWhatIsAskedFor) {
  agent_.packets = {PacketOn("eth0", "out_steer")};
  const Traced traced = Run({"--json", "--nic", "eth0", "--verdict", "out_steer", "--verdict",
                             "out_pass", "198.51.100.1", "--count", "1"});
  EXPECT_EQ(traced.status, kExitDone) << traced.err;
  EXPECT_EQ(agent_.asked, "trace 198.51.100.1 eth0 out_steer out_pass");
  ASSERT_EQ(traced.lines.size(), 2U);
  const auto packet = ParseJson(traced.lines[1]);
  ASSERT_TRUE(packet.ok()) << packet.status();
  EXPECT_EQ((*packet)["program"], "steer");
  EXPECT_EQ((*packet)["nic"], "eth0");
}

TEST_F(TraceCommandTest, CountsPacketsOnly) {
  agent_.packets = {{.time = absl::UnixEpoch(), .event = "missed", .detail = "7 packets were"},
                    PacketOn("eth0", "in_pass")};
  const Traced traced = Run({"--count", "1"});
  EXPECT_EQ(traced.status, kExitDone) << traced.err;
  EXPECT_EQ(traced.lines.size(), 3U);
}

TEST_F(TraceCommandTest, FailsWhereTheAgentRefuses) {
  agent_.trace = absl::NotFoundError("no group has a NIC 'eth9'; name one of eth0, eth1");
  const Traced traced = Run({"--nic", "eth9"});
  EXPECT_EQ(traced.status, kExitFailed);
  EXPECT_THAT(traced.err, HasSubstr("no group has a NIC 'eth9'; name one of eth0, eth1"));
}

TEST_F(TraceCommandTest, RefusesACountOfNothing) {
  EXPECT_EQ(Run({"--count", "0"}).status, kExitUsage);
}

}  // namespace
}  // namespace stronghost
