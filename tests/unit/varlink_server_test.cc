// The control socket with real sockets: many clients, and none that can hurt another.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <thread>
#include <vector>

#include "agent/cli/client.h"
#include "agent/serve/status_json.h"
#include "tests/unit/serve_fixture.h"

namespace stronghost {
namespace {

using testing::Call;
using testing::FakeAgent;
using ::testing::HasSubstr;
using testing::RawClient;
using testing::ServerThread;
using testing::TempFolder;

const std::string kStatus = "io.stronghost.Agent.Status";
const std::string kPing = "io.stronghost.Agent.Ping";
const std::string kUnknown = "io.stronghost.Agent.Unknown";

class VarlinkServerTest : public ::testing::Test {
 protected:
  void Start(VarlinkServer::Limits limits = {}) {
    server_ = std::make_unique<ServerThread>(path_, &agent_, limits);
    ASSERT_TRUE(server_->started().ok()) << server_->started();
  }
  // A fresh client is answered: the server lives.
  void ExpectAlive() {
    RawClient client(path_);
    ASSERT_TRUE(client.Send(Call(kPing)));
    EXPECT_EQ(client.Receive(), "{}");
  }

  TempFolder folder_;
  std::string path_ = folder_.File("agent.sock");
  FakeAgent agent_;
  std::unique_ptr<ServerThread> server_;
};

TEST_F(VarlinkServerTest, AnswersACallThatArrivesByteByByte) {
  Start();
  RawClient client(path_);
  for (const char byte : Call(kStatus)) {
    ASSERT_TRUE(client.Send(absl::string_view(&byte, 1)));
  }
  const auto reply = client.Receive();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(Json::parse(*reply)["parameters"], StatusToJson(agent_.status));
}

TEST_F(VarlinkServerTest, AnswersMergedCallsInOrder) {
  Start();
  RawClient client(path_);
  ASSERT_TRUE(client.Send(Call(kPing) + Call(kStatus) + Call(kUnknown) + Call(kPing)));
  EXPECT_EQ(client.Receive(), "{}");
  EXPECT_THAT(client.Receive().value_or(""), HasSubstr("\"groups\""));
  EXPECT_THAT(client.Receive().value_or(""), HasSubstr("MethodNotFound"));
  EXPECT_EQ(client.Receive(), "{}");
}

TEST_F(VarlinkServerTest, SaysNothingToOnewayCallsNotEvenErrors) {
  Start();
  RawClient client(path_);
  for (const std::string& method : {kPing, kStatus, kUnknown}) {
    ASSERT_TRUE(client.Send(
        EncodeVarlinkCall({.method = method, .oneway = true, .more = method == kStatus})));
  }
  ASSERT_TRUE(client.Send(Call("org.varlink.service.GetInfo")));
  EXPECT_THAT(client.Receive().value_or(""), HasSubstr("stronghostd"));
  EXPECT_EQ(agent_.status_calls, 1);
  client.CloseSending();
  EXPECT_TRUE(client.HungUp());
}

TEST_F(VarlinkServerTest, HangsUpOnGarbageAndServesTheOthers) {
  Start();
  RawClient bystander(path_);
  std::string deep(5000, '[');
  deep += '\0';
  for (const std::string& garbage :
       {std::string("hello\0", 6), std::string("\0", 1), std::string("[1,2]\0", 6),
        std::string("{\"method\":\"\xc3\x28\"}\0", 16), deep}) {
    RawClient client(path_);
    ASSERT_TRUE(client.Send(garbage));
    EXPECT_TRUE(client.HungUp()) << garbage.substr(0, 20);
  }
  ASSERT_TRUE(bystander.Send(Call(kPing)));
  EXPECT_EQ(bystander.Receive(), "{}");
}

TEST_F(VarlinkServerTest, HangsUpOnAMessageThatDoesNotEnd) {
  Start();
  RawClient client(path_);
  const std::string part(65536, 'x');
  size_t sent = 0;
  while (sent < 4 * kMaxVarlinkCall && client.Send(part)) {
    sent += part.size();
  }
  EXPECT_LT(sent, 4 * kMaxVarlinkCall);
  ExpectAlive();
}

TEST_F(VarlinkServerTest, ServesAHundredClientsAtOnce) {
  Start();
  constexpr int kClients = 100;
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  threads.reserve(kClients);
  for (int i = 0; i < kClients; ++i) {
    threads.emplace_back([this, &good] {
      auto client = VarlinkClient::Connect(path_, absl::Seconds(60));
      if (!client.ok()) {
        return;
      }
      for (int round = 0; round < 5; ++round) {
        const auto reply = client->Call(kStatus, Json::object(), absl::Seconds(60));
        const auto report = reply.ok() ? StatusFromJson(*reply) : reply.status();
        good += report.ok() && *report == agent_.status ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(good, kClients * 5);
}

TEST_F(VarlinkServerTest, ServesOthersWhileOneSendsHalfACallOrDoesNotRead) {
  agent_.status = testing::LargeStatus(10'000);  // far more than a socket buffers
  Start();
  RawClient half(path_);
  ASSERT_TRUE(half.Send("{\"method\":"));
  RawClient lazy(path_);
  ASSERT_TRUE(lazy.Send(Call(kStatus) + Call(kPing)));
  for (int i = 0; i < 20; ++i) {
    ExpectAlive();
  }
  const auto reply = lazy.Receive();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(Json::parse(*reply)["parameters"]["groups"][0]["addresses"].size(), 10'000U);
  EXPECT_EQ(lazy.Receive(), "{}");
  ASSERT_TRUE(half.Send(absl::string_view("\"io.stronghost.Agent.Ping\"}\0", 28)));
  EXPECT_EQ(half.Receive(), "{}");
}

TEST_F(VarlinkServerTest, StreamsAStatusOnlyAsFastAsItIsRead) {
  agent_.status = testing::LargeStatus(10'000);
  Start({.connections = 8, .queued_bytes = 200'000});  // a piece fits, the whole would not
  RawClient client(path_);
  ASSERT_TRUE(client.Send(EncodeVarlinkCall({.method = kStatus, .more = true})));
  ExpectAlive();
  StatusReport merged;
  bool continues = true;
  while (continues) {
    const auto message = client.Receive();
    ASSERT_TRUE(message.has_value());
    const auto reply = ParseVarlinkReply(*message);
    ASSERT_TRUE(reply.ok());
    MergeStatus(*StatusFromJson(reply->parameters), &merged);
    continues = reply->continues;
  }
  EXPECT_EQ(merged, agent_.status);
}

TEST_F(VarlinkServerTest, AnswersAClientThatClosedItsSendingSide) {
  agent_.status = testing::LargeStatus(5'000);
  Start();
  RawClient client(path_);
  ASSERT_TRUE(client.Send(Call(kStatus) + Call(kPing) + "{\"unfinished"));
  client.CloseSending();
  EXPECT_THAT(client.Receive().value_or(""), HasSubstr("\"groups\""));
  EXPECT_EQ(client.Receive(), "{}");
  EXPECT_TRUE(client.HungUp());
}

TEST_F(VarlinkServerTest, SurvivesClientsThatVanish) {
  agent_.status = testing::LargeStatus(4'000);
  Start();
  for (int i = 0; i < 20; ++i) {
    RawClient client(path_);
    ASSERT_TRUE(client.Send(i % 2 == 0 ? Call(kStatus) : "{\"method"));
  }
  ExpectAlive();
}

TEST_F(VarlinkServerTest, ClosesTheStillestClientWhenThereAreTooMany) {
  Start({.connections = 4, .queued_bytes = 1 << 20});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<RawClient>(path_));
    ASSERT_TRUE(clients.back()->Send(Call(kPing)));
    ASSERT_EQ(clients.back()->Receive(), "{}");
  }
  ASSERT_TRUE(clients[0]->Send(Call(kPing)));  // now the second is the stillest
  ASSERT_EQ(clients[0]->Receive(), "{}");
  ExpectAlive();
  EXPECT_TRUE(clients[1]->HungUp());
  ASSERT_TRUE(clients[0]->Send(Call(kPing)));
  EXPECT_EQ(clients[0]->Receive(), "{}");
}

TEST_F(VarlinkServerTest, BoundsWhatAllSlowReadersHoldTogether) {
  agent_.status = testing::LargeStatus(8'000);  // 0.7 MB as JSON
  Start({.connections = 100, .queued_bytes = 1'500'000});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<RawClient>(path_));
    ASSERT_TRUE(clients.back()->Send(Call(kStatus)));
    ExpectAlive();  // so this one's reply is queued before the next asks
  }
  int served = 0;
  for (const auto& client : clients) {
    served += client->Receive().has_value() ? 1 : 0;
  }
  EXPECT_GE(served, 1);
  EXPECT_LE(served, 3);
  EXPECT_EQ(agent_.status_calls, 6);
}

TEST_F(VarlinkServerTest, WritesTheReplyToDetachBeforeTheLoopEnds) {
  Start();
  auto client = VarlinkClient::Connect(path_, absl::Seconds(10));
  ASSERT_TRUE(client.ok());
  EXPECT_TRUE(client->Call("io.stronghost.Agent.Detach", Json::object(), absl::Seconds(10)).ok());
  EXPECT_TRUE(client->AwaitHangup(absl::Seconds(10)).ok());
  server_->Stop();
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
  EXPECT_EQ(agent_.detach_calls, 1);
}

TEST_F(VarlinkServerTest, LetsOnlyRootAndTheGroupConnect) {
  const mode_t before = umask(0);
  Start();
  umask(before);
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0660U);
  EXPECT_EQ(info.st_uid, geteuid());
}

TEST_F(VarlinkServerTest, CreatesTheFolderOfTheSocket) {
  path_ = folder_.File("run/stronghost/agent.sock");
  Start();
  ExpectAlive();
}

TEST_F(VarlinkServerTest, RefusesToReplaceALivingServer) {
  Start();
  FakeAgent other;
  const ServerThread second(path_, &other);
  EXPECT_TRUE(absl::IsAlreadyExists(second.started()));
  EXPECT_THAT(std::string(second.started().message()), HasSubstr("already running"));
  ExpectAlive();
}

// Binds `path` and leaves the file behind, as a killed agent does; listens where asked to.
UniqueFd BindRaw(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

TEST_F(VarlinkServerTest, ReplacesTheSocketOfADeadServer) {
  BindRaw(path_).Reset();
  ASSERT_EQ(access(path_.c_str(), F_OK), 0);
  Start();
  ExpectAlive();
}

TEST_F(VarlinkServerTest, TakesAServerThatDoesNotAcceptForALivingOne) {
  const UniqueFd hung = BindRaw(path_);
  ASSERT_EQ(listen(hung.get(), 0), 0);
  const RawClient fills_the_backlog(path_);
  ASSERT_TRUE(fills_the_backlog.connected());
  const ServerThread second(path_, &agent_);
  EXPECT_TRUE(absl::IsAlreadyExists(second.started())) << second.started();
  EXPECT_EQ(access(path_.c_str(), F_OK), 0);
}

TEST_F(VarlinkServerTest, DoesNotTouchAFileThatIsNoSocket) {
  std::ofstream(path_) << "precious";
  const ServerThread server(path_, &agent_);
  EXPECT_TRUE(absl::IsFailedPrecondition(server.started())) << server.started();
  EXPECT_EQ(access(path_.c_str(), F_OK), 0);
}

TEST_F(VarlinkServerTest, LeavesTheFileOfItsSuccessorAlone) {
  Start();
  ASSERT_EQ(unlink(path_.c_str()), 0);
  const UniqueFd successor = BindRaw(path_);
  server_->Stop();
  EXPECT_EQ(access(path_.c_str(), F_OK), 0);
}

TEST_F(VarlinkServerTest, NamesAPathThatIsTooLong) {
  const ServerThread server(folder_.File(std::string(200, 'x')), &agent_);
  EXPECT_TRUE(absl::IsInvalidArgument(server.started())) << server.started();
}

TEST(VarlinkClient, GivesUpOnAServerThatHangs) {
  const TempFolder folder;
  const std::string path = folder.File("hung.sock");
  const UniqueFd hung = BindRaw(path);
  ASSERT_EQ(listen(hung.get(), 5), 0);
  auto client = VarlinkClient::Connect(path, absl::Seconds(10));
  ASSERT_TRUE(client.ok()) << client.status();
  const auto reply = client->Call(kPing, Json::object(), absl::Milliseconds(30));
  EXPECT_TRUE(absl::IsDeadlineExceeded(reply.status())) << reply.status();
}

TEST(VarlinkClient, ReportsAnAnswerThatIsNoVarlinkAndOneThatBreaksOff) {
  const TempFolder folder;
  const std::string path = folder.File("odd.sock");
  for (const std::string& answer : {std::string("nonsense\0", 9), std::string("{\"para")}) {
    unlink(path.c_str());
    const UniqueFd listener = BindRaw(path);
    ASSERT_EQ(listen(listener.get(), 5), 0);
    auto client = VarlinkClient::Connect(path, absl::Seconds(10));
    ASSERT_TRUE(client.ok()) << client.status();
    const UniqueFd peer(accept(listener.get(), nullptr, nullptr));
    ASSERT_EQ(send(peer.get(), answer.data(), answer.size(), 0),
              static_cast<ssize_t>(answer.size()));
    shutdown(peer.get(), SHUT_WR);
    const auto reply = client->Call(kPing, Json::object(), absl::Seconds(10));
    EXPECT_TRUE(absl::IsDataLoss(reply.status())) << reply.status();
  }
}

}  // namespace
}  // namespace stronghost
