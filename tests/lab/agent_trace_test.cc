// What `stronghost trace` shows of a packet's way through the host.
#include <sys/socket.h>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tests/lab/agent_fixture.h"

namespace stronghost::lab {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Trace : public AgentLab {
 protected:
  void StartTrace(const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = {ProgramPath("stronghost"), "--socket", agent().socket_path(),
                                     "trace", "--json"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    auto trace = Process::Start(lab().server(), {.argv = argv});
    ASSERT_OK(trace);
    trace_.emplace(*std::move(trace));
    ASSERT_OK(trace_->AwaitOutput("tracing", absl::Seconds(10)));
  }

  void Ping(const NetNs& from, const IpAddress& to) {
    ASSERT_OK(from.Check({"ping", "-c", "1", "-W", "5", to.ToString()}));
  }

  // The packets so far.
  std::vector<json> Packets() {
    std::vector<json> packets;
    for (const absl::string_view line : absl::StrSplit(trace_->Output(), '\n', absl::SkipEmpty())) {
      json event = json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
      EXPECT_TRUE(event.is_object()) << line;
      if (event.is_object() && event.value("event", "") == "packet") {
        packets.push_back(std::move(event));
      }
    }
    return packets;
  }

  std::optional<Process> trace_;
};

class TraceBothFamilies : public Trace, public ::testing::WithParamInterface<int> {};
std::string FamilyName(const ::testing::TestParamInfo<int>& family) {
  return family.param == AF_INET ? "V4" : "V6";
}
INSTANTIATE_TEST_SUITE_P(, TraceBothFamilies, ::testing::Values(AF_INET, AF_INET6), FamilyName);

// The request arrives on the stand-in and enters its home, the answer is sent by the home and
// leaves by the stand-in.
TEST_P(TraceBothFamilies, FollowsAPacketThroughItsStandIn) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  const IpAddress address = Address(0, GetParam());
  ASSERT_NO_FATAL_FAILURE(Ping(lab().client(), address));  // neighbours are known from here on
  ASSERT_NO_FATAL_FAILURE(
      StartTrace({address.ToString(), "--verdict", "in_deliver", "--verdict", "in_home",
                  "--verdict", "out_stand_in", "--verdict", "out_carried", "--count", "4"}));
  ASSERT_NO_FATAL_FAILURE(Ping(lab().client(), address));
  const auto status = trace_->Wait(absl::Seconds(10));
  ASSERT_OK(status);
  EXPECT_EQ(*status, 0) << trace_->Output();
  std::vector<std::string> way;
  for (const json& packet : Packets()) {
    way.push_back(absl::StrCat(packet["nic"].get<std::string>(), " ",
                               packet["program"].get<std::string>(), " ",
                               packet["verdict"].get<std::string>()));
    EXPECT_EQ(packet["group"], "front");
  }
  EXPECT_THAT(way, ElementsAre("eth1 deliver in_deliver", "eth0 deliver in_home",
                               "eth0 steer out_stand_in", "eth1 steer out_carried"));
  EXPECT_EQ(Packets()[0]["source"], ClientAddress(GetParam()).ToString());
  EXPECT_EQ(Packets()[0]["destination"], address.ToString());
  EXPECT_EQ(Packets()[3]["source"], address.ToString());
}

TEST_P(TraceBothFamilies, NamesTheNicThatKeepsSilent) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  const IpAddress address = Address(0, GetParam());
  ASSERT_NO_FATAL_FAILURE(
      StartTrace({address.ToString(), "--verdict", "in_suppress", "--count", "1"}));
  ASSERT_OK(lab().client().Check({"ip", "neigh", "flush", "to", address.ToString()}));
  ASSERT_NO_FATAL_FAILURE(Ping(lab().client(), address));
  const auto status = trace_->Wait(absl::Seconds(10));
  ASSERT_OK(status) << trace_->Output();
  EXPECT_EQ(*status, 0) << trace_->Output();
  ASSERT_EQ(Packets().size(), 1U);
  EXPECT_EQ(Packets()[0]["nic"], "eth1");
  EXPECT_THAT(Packets()[0]["detail"].get<std::string>(),
              HasSubstr(absl::StrCat("who has ", address.ToString(), ", tell ")));
}

TEST_F(Trace, RefusesWhatThereIsNotWithTheMend) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  for (const auto& [option, value, mend] : {std::tuple{"--nic", "eth9", "name one of eth0, eth1"},
                                            {"--verdict", "lost", "name one of out_pass, "}}) {
    const auto result = agent().Command({"trace", option, value});
    ASSERT_OK(result);
    EXPECT_EQ(result->exit_status, 1);
    EXPECT_THAT(result->output, HasSubstr(mend));
  }
}

// Eight thousand packets a second are more than are shown. The agent is not held up by them.
TEST_F(Trace, OfEverythingHoldsUpNoFailover) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_NO_FATAL_FAILURE(StartTrace({}));
  std::vector<Stream> streams;
  ASSERT_NO_FATAL_FAILURE(StartStreams(streams, 2000));
  ASSERT_OK(trace_->AwaitOutput("\"event\":\"missed\"", absl::Seconds(10)));
  ASSERT_NO_FATAL_FAILURE(PullAndAwait(0, "eth1"));
  ASSERT_OK(trace_->AwaitOutput("out_stand_in", absl::Seconds(10)));
  EXPECT_THAT(agent().Log(), HasSubstr("eth1 stands in for eth0"));
  for (Stream& stream : streams) {
    stream.Finish();
  }
}

// A detach ends the agent while somebody traces: its sessions go after the programs.
TEST_F(Trace, EndsWithTheAgent) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow")));
  ASSERT_NO_FATAL_FAILURE(StartTrace({}));
  ASSERT_OK(agent().Command({"detach"}));
  const auto stopped = agent().Stop();  // it may have ended before
  ASSERT_OK(stopped);
  EXPECT_EQ(*stopped, 0) << agent().Log();
  const auto status = trace_->Wait(absl::Seconds(10));
  ASSERT_OK(status);
  EXPECT_EQ(*status, 1);
  EXPECT_THAT(trace_->Output(), HasSubstr("hung up"));
}

}  // namespace
}  // namespace stronghost::lab
