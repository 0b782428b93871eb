// What happens, told to those who watch: the feed, the control socket, and the command.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <semaphore>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "agent/cli/cli.h"
#include "agent/serve/agent_service.h"
#include "agent/serve/event_feed.h"
#include "agent/serve/varlink_connection.h"
#include "tests/unit/serve_fixture.h"

namespace stronghost {
namespace {

using testing::Call;
using testing::FakeAgent;
using ::testing::HasSubstr;
using testing::RawClient;
using testing::ServerThread;
using testing::TempFolder;

const std::string kWatch = "io.stronghost.Agent.Watch";
const std::string kPing = "io.stronghost.Agent.Ping";

Event Numbered(int number) {
  return {.time = absl::UnixEpoch(), .event = "nic", .detail = absl::StrCat(number)};
}

TEST(EventFeed, GivesEachWatcherAllThatFollows) {
  EventFeed feed;
  uint64_t early = feed.next();
  feed.Add(Numbered(1));
  uint64_t late = feed.next();
  feed.Add(Numbered(2));
  EXPECT_EQ(feed.Take(early)->detail, "1");
  EXPECT_EQ(feed.Take(early)->detail, "2");
  EXPECT_FALSE(feed.Take(early).has_value());
  EXPECT_EQ(feed.Take(late)->detail, "2");
  EXPECT_FALSE(feed.Take(late).has_value());
}

TEST(EventFeed, TellsWhoIsTooLateHowManyAreLost) {
  EventFeed feed(3);
  uint64_t number = feed.next();
  for (int i = 0; i < 5; ++i) {
    feed.Add(Numbered(i));
  }
  const std::optional<Event> lost = feed.Take(number);
  ASSERT_TRUE(lost.has_value());
  EXPECT_EQ(lost->event, "lost");
  EXPECT_EQ(lost->more["events"], 2);
  EXPECT_EQ(feed.Take(number)->detail, "2");
  EXPECT_EQ(feed.Take(number)->detail, "3");
  EXPECT_EQ(feed.Take(number)->detail, "4");
  EXPECT_FALSE(feed.Take(number).has_value());
}

TEST(EventFeed, AnEventIsOneObject) {
  const Event event{.time = absl::FromUnixMillis(1500),
                    .event = "failover",
                    .group = "front",
                    .nic = "eth0",
                    .detail = "eth1 stands in",
                    .more = {{"to", "eth1"}, {"outage_ns", 250}}};
  EXPECT_EQ(EventToJson(event), (Json{{"time", "1970-01-01T00:00:01.5+00:00"},
                                      {"event", "failover"},
                                      {"group", "front"},
                                      {"nic", "eth0"},
                                      {"detail", "eth1 stands in"},
                                      {"to", "eth1"},
                                      {"outage_ns", 250}}));
  EXPECT_TRUE(EventToJson(Numbered(1))["group"].is_null());
}

TEST(AgentService, WatchIsForThoseWhoWantMore) {
  FakeAgent agent;
  EXPECT_EQ(AnswerCall({.method = kWatch}, &agent)()->error, "org.varlink.service.ExpectedMore");
}

TEST(VarlinkConnection, EndsWithAWatcherThatHangsUpWhileNothingHappens) {
  FakeAgent agent;
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
  UniqueFd client(ends[0]);
  VarlinkConnection connection(
      UniqueFd(ends[1]), [&agent](const VarlinkCall& call) { return AnswerCall(call, &agent); });
  const std::string call = EncodeVarlinkCall({.method = kWatch, .more = true});
  ASSERT_EQ(send(client.get(), call.data(), call.size(), 0), static_cast<ssize_t>(call.size()));
  EXPECT_EQ(connection.OnReady(EPOLLIN), VarlinkConnection::Fate::kKeep);  // "watching"
  EXPECT_FALSE(connection.waiting());
  EXPECT_EQ(connection.OnReady(EPOLLOUT), VarlinkConnection::Fate::kKeep);
  EXPECT_TRUE(connection.waiting());
  EXPECT_EQ(connection.WantedEvents(), 0U);
  client.Reset();
  EXPECT_EQ(connection.OnReady(EPOLLHUP), VarlinkConnection::Fate::kClose);
}

class WatchTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(server_.started().ok()) << server_.started(); }

  static std::string WatchCall() { return EncodeVarlinkCall({.method = kWatch, .more = true}); }

  // The event that comes next; "" where none comes.
  static std::string Next(RawClient& client) {
    const auto reply = client.Receive();
    return reply.has_value() ? Json::parse(*reply)["parameters"]["event"].get<std::string>() : "";
  }

  // Makes something happen, on the loop's thread: the fake agent tells of each drain.
  void Happen() {
    RawClient client(path_);
    ASSERT_TRUE(client.Send(Call("io.stronghost.Agent.Drain", {{"nic", "eth0"}})));
    ASSERT_TRUE(client.Receive().has_value());
  }

  TempFolder folder_;
  std::string path_ = folder_.File("agent.sock");
  FakeAgent agent_;
  ServerThread server_{path_, &agent_};
};

TEST_F(WatchTest, TellsEachWatcherWhatHappens) {
  RawClient one(path_);
  RawClient two(path_);
  for (RawClient* client : {&one, &two}) {
    ASSERT_TRUE(client->Send(WatchCall()));
    EXPECT_EQ(Next(*client), "watching");
  }
  for (int i = 0; i < 3; ++i) {
    Happen();
    EXPECT_EQ(Next(one), "drain");
    EXPECT_EQ(Next(two), "drain");
  }
}

TEST_F(WatchTest, GoesOnForAWatcherThatSaysNoMore) {
  RawClient client(path_);
  ASSERT_TRUE(client.Send(WatchCall()));
  client.CloseSending();
  EXPECT_EQ(Next(client), "watching");
  Happen();
  EXPECT_EQ(Next(client), "drain");
}

TEST_F(WatchTest, LeavesTheCallsBehindAWatchUnanswered) {
  RawClient client(path_);
  ASSERT_TRUE(client.Send(WatchCall() + Call(kPing)));
  EXPECT_EQ(Next(client), "watching");
  Happen();
  EXPECT_EQ(Next(client), "drain");
}

// The command, until the agent goes.
struct Watching {
  int status = -1;
  std::string out;
  std::string err;
};

// Says when something was flushed.
class FlushBuffer : public std::stringbuf {
 public:
  bool AwaitFlush() { return flushed_.try_acquire_for(std::chrono::seconds(10)); }

 protected:
  int sync() override {
    flushed_.release();
    return std::stringbuf::sync();
  }

 private:
  std::counting_semaphore<> flushed_{0};
};

class WatchCommandTest : public WatchTest {
 protected:
  // Runs `stronghost watch`, lets something happen while it does, and ends the agent.
  Watching Run(std::vector<const char*> args) {
    FlushBuffer buffer;
    std::ostream out(&buffer);
    std::ostringstream err;
    Watching watching;
    args.insert(args.begin(), {"stronghost", "--socket", path_.c_str()});
    std::thread command([&] {
      watching.status = RunCli(static_cast<int>(args.size()), args.data(),
                               {.out = out, .err = err, .timeout = absl::Seconds(10)});
    });
    EXPECT_TRUE(buffer.AwaitFlush());  // "watching"
    Happen();
    EXPECT_TRUE(buffer.AwaitFlush());
    server_.Stop();
    command.join();
    watching.out = buffer.str();
    watching.err = err.str();
    return watching;
  }
};

TEST_F(WatchCommandTest, PrintsALineForEachEvent) {
  const Watching watching = Run({"watch"});
  const std::vector<std::string> lines = absl::StrSplit(watching.out, '\n');
  ASSERT_EQ(lines.size(), 3U) << watching.out;
  EXPECT_THAT(lines[0], HasSubstr("  watching    all that happens from now on"));
  EXPECT_THAT(lines[1], HasSubstr("  drain       eth0 is taken out of service"));
  EXPECT_EQ(watching.status, kExitFailed);
  EXPECT_THAT(watching.err, HasSubstr("hung up"));
}

TEST_F(WatchCommandTest, PrintsAnObjectALine) {
  const Watching watching = Run({"watch", "--json"});
  const std::vector<std::string> lines = absl::StrSplit(watching.out, '\n');
  ASSERT_EQ(lines.size(), 3U) << watching.out;
  const auto event = ParseJson(lines[1]);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ((*event)["event"], "drain");
  EXPECT_EQ((*event)["nic"], "eth0");
}

}  // namespace
}  // namespace stronghost
