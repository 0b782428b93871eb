// Messages of the control socket, and what is answered to them, without a socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/serve/agent_service.h"
#include "agent/serve/interface.h"
#include "agent/serve/orders_json.h"
#include "agent/serve/status_json.h"
#include "agent/serve/varlink_message.h"
#include "agent/serve/version.h"
#include "tests/unit/serve_fixture.h"

namespace stronghost {
namespace {

using ::testing::ElementsAre;
using testing::FakeAgent;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> Drain(VarlinkFramer* framer) {
  std::vector<std::string> messages;
  while (framer->HasMessage()) {
    messages.push_back(*framer->Next());
  }
  return messages;
}

const std::string kThree("one\0two\0\0rest", 13);

TEST(VarlinkFramer, CutsMergedMessagesAndKeepsTheRest) {
  VarlinkFramer framer(100);
  ASSERT_TRUE(framer.Append(kThree).ok());
  EXPECT_THAT(Drain(&framer), ElementsAre("one", "two", ""));
  EXPECT_EQ(framer.buffered(), 4U);
  ASSERT_TRUE(framer.Append(absl::string_view("\0", 1)).ok());
  EXPECT_THAT(Drain(&framer), ElementsAre("rest"));
  EXPECT_EQ(framer.buffered(), 0U);
}

TEST(VarlinkFramer, CutsTheSameHoweverTheBytesArrive) {
  for (size_t first = 0; first <= kThree.size(); ++first) {
    for (size_t second = first; second <= kThree.size(); ++second) {
      for (const bool drain_between : {false, true}) {
        VarlinkFramer framer(100);
        std::vector<std::string> messages;
        for (const std::string& part :
             {kThree.substr(0, first), kThree.substr(first, second - first),
              kThree.substr(second)}) {
          ASSERT_TRUE(framer.Append(part).ok());
          if (drain_between && framer.HasMessage()) {
            messages.push_back(*framer.Next());
          }
        }
        for (std::string& message : Drain(&framer)) {
          messages.push_back(std::move(message));
        }
        ASSERT_THAT(messages, ElementsAre("one", "two", "")) << first << " " << second;
        ASSERT_EQ(framer.buffered(), 4U);
      }
    }
  }
}

TEST(VarlinkFramer, RefusesAMessageOverTheLimitEvenWithoutItsEnd) {
  VarlinkFramer framer(8);
  EXPECT_TRUE(framer.Append("12345678").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(framer.Append("9")));
  VarlinkFramer ended(8);
  EXPECT_TRUE(absl::IsResourceExhausted(ended.Append(absl::string_view("123456789\0", 10))));
  VarlinkFramer exact(8);
  EXPECT_TRUE(exact.Append(absl::string_view("12345678\0", 9)).ok());
  EXPECT_EQ(exact.Next(), "12345678");
}

TEST(VarlinkCall, SurvivesEncodingAndParsing) {
  const VarlinkCall call{.method = "a.b.C",
                         .parameters = {{"text", "\"\n\u00fc"}, {"n", 1}},
                         .oneway = true,
                         .more = true,
                         .upgrade = true};
  std::string text = EncodeVarlinkCall(call);
  ASSERT_EQ(text.back(), '\0');
  text.pop_back();
  EXPECT_EQ(text.find('\0'), std::string::npos);
  const auto parsed = ParseVarlinkCall(text);
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->method, call.method);
  EXPECT_EQ(parsed->parameters, call.parameters);
  EXPECT_TRUE(parsed->oneway && parsed->more && parsed->upgrade);
}

TEST(VarlinkCall, LeavesOutWhatIsEmpty) {
  EXPECT_EQ(EncodeVarlinkCall({.method = "a.B"}), std::string("{\"method\":\"a.B\"}\0", 17));
  EXPECT_EQ(EncodeVarlinkReply({}), std::string("{}\0", 3));
}

TEST(VarlinkCall, TakesAbsentAndNullParametersForEmpty) {
  for (const char* text : {R"({"method":"a.B"})", R"({"method":"a.B","parameters":null})",
                           R"({"method":"a.B","parameters":{},"oneway":null,"other":1})"}) {
    const auto call = ParseVarlinkCall(text);
    ASSERT_TRUE(call.ok()) << text;
    EXPECT_EQ(call->parameters, Json::object()) << text;
    EXPECT_FALSE(call->oneway || call->more || call->upgrade) << text;
  }
}

TEST(VarlinkCall, RefusesWhatIsNoCall) {
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"),
        std::string("GET / HTTP/1.1"), std::string("{}"), std::string(R"({"method":7})"),
        std::string(R"({"method":null})"), std::string(R"({"method":"a.B"} x)"),
        std::string(R"({"method":"a.B","oneway":"yes"})"),
        std::string(R"({"method":"a.B","more":1})"), std::string("{\"method\":\"\xff\"}"),
        std::string(100'000, '['), R"({"method":"a.B","parameters":)" + std::string(1000, '[')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseVarlinkCall(text).status())) << text.substr(0, 60);
  }
}

TEST(VarlinkCall, RefusesBalancedButDeepNesting) {
  const std::string deep =
      R"({"method":"a.B","parameters":{"x":)" + std::string(40, '[') + std::string(40, ']') + "}}";
  EXPECT_THAT(ParseVarlinkCall(deep).status().message(), HasSubstr("deeper"));
  const std::string fine =
      R"({"method":"a.B","parameters":{"x":)" + std::string(20, '[') + std::string(20, ']') + "}}";
  EXPECT_TRUE(ParseVarlinkCall(fine).ok());
}

// Whatever is sent ends in a call or in an error; sanitizers watch.
TEST(VarlinkCall, SurvivesMutations) {
  const std::string seed =
      R"({"method":"io.stronghost.Agent.Explain","parameters":{"source":"198.51.100.1",)"
      R"("destination":"fe80::1%eth0","x":[1,-2.5e3,true,null,{"\u00fc":"\n"}]},"more":true})";
  std::mt19937 random(7);  // NOLINT: the same sequence every time
  FakeAgent agent;
  int parsed = 0;
  for (int round = 0; round < 5'000; ++round) {
    std::string text = seed;
    for (unsigned change = random() % 4; change > 0; --change) {
      const size_t at = random() % text.size();
      if (random() % 3 == 0) {
        text.erase(at, 1 + random() % 5);
      } else if (random() % 2 == 0) {
        text.insert(at, text.substr(random() % text.size(), random() % 20));
      } else {
        text[at] = static_cast<char>(random());
      }
    }
    if (const auto call = ParseVarlinkCall(text); call.ok()) {
      ++parsed;
      EXPECT_EQ(EncodeVarlinkReply(*AnswerCall(*call, &agent)()).back(), '\0');
    }
  }
  EXPECT_GT(parsed, 500);
}

TEST(VarlinkReply, SurvivesEncodingAndParsing) {
  std::string text = EncodeVarlinkReply(
      {.parameters = {{"message", "no"}}, .error = "a.b.Refused", .continues = true});
  text.pop_back();
  const auto reply = ParseVarlinkReply(text);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->parameters, Json({{"message", "no"}}));
  EXPECT_EQ(reply->error, "a.b.Refused");
  EXPECT_TRUE(reply->continues);
  EXPECT_FALSE(ParseVarlinkReply(R"({"parameters":[]})").ok());
  EXPECT_FALSE(ParseVarlinkReply("[]").ok());
}

TEST(VarlinkReply, ReplacesBytesThatAreNoUtf8) {
  EXPECT_THAT(EncodeVarlinkReply({.parameters = {{"name", "eth\xff"}}}),
              HasSubstr("eth\xef\xbf\xbd"));
}

VarlinkReply Ask(FakeAgent* agent, const std::string& method, const Json& parameters = {}) {
  return AnswerCall({.method = method, .parameters = parameters}, agent)().value();
}

TEST(AgentService, IntroducesItself) {
  FakeAgent agent;
  const VarlinkReply info = Ask(&agent, "org.varlink.service.GetInfo", Json::object());
  EXPECT_EQ(info.error, "");
  EXPECT_EQ(info.parameters["version"], Version());
  EXPECT_EQ(info.parameters["interfaces"],
            Json::array({"org.varlink.service", "io.stronghost.Agent"}));
  for (const char* key : {"vendor", "product", "url"}) {
    EXPECT_TRUE(info.parameters[key].is_string()) << key;
  }
}

TEST(AgentService, DescribesItsInterfaces) {
  FakeAgent agent;
  const std::string method = "org.varlink.service.GetInterfaceDescription";
  const VarlinkReply own = Ask(&agent, method, {{"interface", "io.stronghost.Agent"}});
  const std::string text = own.parameters["description"];
  EXPECT_THAT(text, HasSubstr("interface io.stronghost.Agent\n"));
  for (const char* name : {"Status", "Explain", "Drain", "Undrain", "Move", "Detach", "Ping"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("\nmethod ", name, "(")));
    EXPECT_EQ(Ask(&agent, absl::StrCat("io.stronghost.Agent.", name), Json::object())
                  .error.find("org.varlink.service.MethodNotFound"),
              std::string::npos);
  }
  EXPECT_THAT(text, HasSubstr("error Refused "));
  EXPECT_THAT(Ask(&agent, method, {{"interface", "org.varlink.service"}})
                  .parameters["description"]
                  .get<std::string>(),
              HasSubstr("interface org.varlink.service\n"));
  const VarlinkReply unknown = Ask(&agent, method, {{"interface", "a.b"}});
  EXPECT_EQ(unknown.error, kInterfaceNotFoundError);
  EXPECT_EQ(unknown.parameters["interface"], "a.b");
  const VarlinkReply wrong = Ask(&agent, method, {{"interface", 7}});
  EXPECT_EQ(wrong.error, kInvalidParameterError);
  EXPECT_EQ(wrong.parameters["parameter"], "interface");
}

TEST(AgentService, TellsUnknownMethodsFromUnknownInterfaces) {
  FakeAgent agent;
  const VarlinkReply method = Ask(&agent, "io.stronghost.Agent.Explode", Json::object());
  EXPECT_EQ(method.error, kMethodNotFoundError);
  EXPECT_EQ(method.parameters["method"], "io.stronghost.Agent.Explode");
  const VarlinkReply interface = Ask(&agent, "io.other.Thing.Status", Json::object());
  EXPECT_EQ(interface.error, kInterfaceNotFoundError);
  EXPECT_EQ(interface.parameters["interface"], "io.other.Thing");
  EXPECT_EQ(Ask(&agent, "nonsense", Json::object()).error, kInterfaceNotFoundError);
}

TEST(AgentService, ADrainNamesItsNicAndTakesForceAsABoolean) {
  FakeAgent agent;
  for (const std::string method : {"io.stronghost.Agent.Drain", "io.stronghost.Agent.Undrain"}) {
    EXPECT_EQ(Ask(&agent, method, Json::object()).parameters["parameter"], "nic");
    EXPECT_EQ(Ask(&agent, method, {{"nic", 7}}).parameters["parameter"], "nic");
    EXPECT_EQ(Ask(&agent, method, {{"nic", "eth0"}, {"force", "yes"}}).parameters["parameter"],
              "force");
    EXPECT_EQ(agent.asked, "");
    EXPECT_EQ(Ask(&agent, method, {{"nic", "eth0"}}).parameters, DrainToJson(*agent.drain));
    agent.asked.clear();
  }
  agent.drain = absl::NotFoundError("no group has a NIC 'eth9'; name one of eth0, eth1");
  const VarlinkReply refused = Ask(&agent, "io.stronghost.Agent.Drain", {{"nic", "eth9"}});
  EXPECT_EQ(refused.error, kRefusedError);
  EXPECT_EQ(refused.parameters["mend"], "name one of eth0, eth1");
}

TEST(AgentService, AMoveNamesAnAddressAndANic) {
  FakeAgent agent;
  const std::string method = "io.stronghost.Agent.Move";
  EXPECT_EQ(Ask(&agent, method, {{"nic", "eth1"}}).parameters["parameter"], "address");
  EXPECT_EQ(Ask(&agent, method, {{"address", "198.51.100.1"}}).parameters["parameter"], "nic");
  EXPECT_EQ(Ask(&agent, method, {{"address", "198.51.100.300"}, {"nic", "eth1"}}).error,
            kRefusedError);
  EXPECT_EQ(agent.asked, "");
  EXPECT_EQ(Ask(&agent, method, {{"address", "198.51.100.1"}, {"nic", "eth1"}}).parameters,
            MoveToJson(*agent.move));
  EXPECT_EQ(agent.asked, "move 198.51.100.1 eth1");
  agent.move = absl::NotFoundError("198.51.100.9 is not managed; name another");
  EXPECT_EQ(Ask(&agent, method, {{"address", "198.51.100.9"}, {"nic", "eth1"}}).error,
            kRefusedError);
}

TEST(AgentService, RefusesParametersThatAreNoObjectAndUpgrades) {
  FakeAgent agent;
  EXPECT_EQ(Ask(&agent, "io.stronghost.Agent.Status", Json::array()).error, kInvalidParameterError);
  EXPECT_EQ(agent.status_calls, 0);
  const VarlinkReply upgrade =
      AnswerCall({.method = "io.stronghost.Agent.Ping", .upgrade = true}, &agent)().value();
  EXPECT_EQ(upgrade.parameters["parameter"], "upgrade");
}

TEST(AgentService, StatusComesWholeOrInPieces) {
  FakeAgent agent;
  agent.status = testing::LargeStatus(1201);
  const VarlinkReply whole = Ask(&agent, "io.stronghost.Agent.Status", Json::object());
  EXPECT_FALSE(whole.continues);
  EXPECT_EQ(whole.parameters, StatusToJson(agent.status));
  const VarlinkReplies replies =
      AnswerCall({.method = "io.stronghost.Agent.Status", .more = true}, &agent);
  StatusReport merged;
  int count = 0;
  for (bool continues = true; continues; ++count) {
    const VarlinkReply reply = replies().value();
    auto piece = StatusFromJson(reply.parameters);
    ASSERT_TRUE(piece.ok()) << piece.status();
    MergeStatus(*std::move(piece), &merged);
    continues = reply.continues;
  }
  EXPECT_EQ(merged, agent.status);
  EXPECT_EQ(count, 1 + 3 + 1);  // the head, three pieces of "front", one of "back"
  EXPECT_EQ(agent.status_calls, 2);
}

TEST(AgentService, ExplainPassesAddressesAndTheirScope) {
  FakeAgent agent;
  const VarlinkReply reply = Ask(&agent, "io.stronghost.Agent.Explain",
                                 {{"source", "fe80::1%eth0"}, {"destination", "2001:db8::9"}});
  EXPECT_EQ(reply.error, "");
  EXPECT_EQ(reply.parameters, ExplainToJson(testing::SampleExplain()));
  EXPECT_EQ(agent.asked, "fe80::1 2001:db8::9 eth0");
  EXPECT_EQ(Ask(&agent, "io.stronghost.Agent.Explain",
                {{"source", "fe80::1"}, {"destination", "fe80::9%eth1"}})
                .error,
            "");
  EXPECT_EQ(agent.asked, "fe80::1 fe80::9 eth1");
}

TEST(AgentService, ExplainRefusesWhatIsNoPairOfAddresses) {
  FakeAgent agent;
  const std::string method = "io.stronghost.Agent.Explain";
  EXPECT_EQ(Ask(&agent, method, {{"source", "198.51.100.1"}}).parameters["parameter"],
            "destination");
  EXPECT_EQ(
      Ask(&agent, method, {{"source", 1}, {"destination", "198.51.100.1"}}).parameters["parameter"],
      "source");
  for (const auto& [source, destination] :
       {std::pair{"eth0", "198.51.100.1"}, std::pair{"198.51.100.1", "2001:db8::1"},
        std::pair{"fe80::1%eth0", "fe80::2%eth1"}, std::pair{"198.51.100.1/24", "198.51.100.2"}}) {
    const VarlinkReply reply =
        Ask(&agent, method, {{"source", source}, {"destination", destination}});
    EXPECT_EQ(reply.error, kRefusedError) << source;
    EXPECT_NE(reply.parameters["mend"], "") << source;
  }
  EXPECT_EQ(agent.asked, "");
}

TEST(AgentService, HandsRefusalsOnWithTheirMend) {
  FakeAgent agent;
  agent.detach =
      absl::PermissionDeniedError("remove the filter of eth0: not permitted; run as root");
  const VarlinkReply reply = Ask(&agent, "io.stronghost.Agent.Detach", Json::object());
  EXPECT_EQ(reply.error, kRefusedError);
  EXPECT_EQ(reply.parameters["message"], "remove the filter of eth0: not permitted");
  EXPECT_EQ(reply.parameters["mend"], "run as root");
  EXPECT_EQ(SplitMend("a; b; c"), std::pair(std::string("a"), std::string("b; c")));
  EXPECT_EQ(SplitMend("a"), std::pair(std::string("a"), std::string()));
}

}  // namespace
}  // namespace stronghost
