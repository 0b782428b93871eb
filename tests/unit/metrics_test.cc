// The metrics page, fetched as Prometheus does, over loopback.
#include "agent/serve/metrics.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/base/unique_fd.h"
#include "tests/unit/serve_fixture.h"

namespace stronghost {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A listener of ours on a free loopback port; -1 where there is none to be had.
UniqueFd ListenAnywhere(int* port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(listen(fd.get(), 5), 0);
  EXPECT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  *port = ntohs(address.sin_port);
  return fd;
}

UniqueFd ConnectTo(int port) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

std::string Fetch(int port) {
  const UniqueFd fd = ConnectTo(port);
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  EXPECT_EQ(send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  std::string page;
  std::array<char, 65536> bytes{};
  pollfd waiting{.fd = fd.get(), .events = POLLIN, .revents = 0};
  while (poll(&waiting, 1, 10'000) == 1) {
    const ssize_t count = recv(fd.get(), bytes.data(), bytes.size(), 0);
    if (count <= 0) {
      break;
    }
    page.append(bytes.data(), static_cast<size_t>(count));
  }
  return page;
}

class MetricsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(metrics_.Listen("127.0.0.1:0").ok()); }
  std::string Page() { return Fetch(metrics_.port()); }

  Metrics metrics_;
};

TEST_F(MetricsTest, ShowsTheLastReport) {
  ASSERT_GT(metrics_.port(), 0);
  EXPECT_THAT(Page(), HasSubstr("200 OK"));
  metrics_.Publish(std::make_shared<StatusReport>(testing::SampleStatus()));
  const std::string page = Page();
  for (const char* line :
       {"# TYPE stronghost_packets_total counter\n",
        "\nstronghost_packets_total{nic=\"eth1\",verdict=\"in_deliver\"} 7\n",
        "# TYPE stronghost_nic_up gauge\n", "\nstronghost_nic_up{group=\"front\",nic=\"eth0\"} 0\n",
        "\nstronghost_nic_up{group=\"front\",nic=\"eth1\"} 1\n",
        "\nstronghost_nic_up{group=\"back\",nic=\"eth2\"} 0\n",
        "# TYPE stronghost_address_wire gauge\n",
        "\nstronghost_address_wire{address=\"198.51.100.1\",home=\"eth0\",wire=\"eth1\"} 1\n",
        "\nstronghost_address_wire{address=\"fe80::1%eth1\",home=\"eth1\",wire=\"eth1\"} 1\n",
        "\nstronghost_address_wire{address=\"203.0.113.1\",home=\"eth2\",wire=\"\"} 0\n"}) {
    EXPECT_THAT(page, HasSubstr(line));
  }
  StatusReport calm = testing::SampleStatus();
  calm.groups.resize(1);
  calm.groups[0].nics[0].state = "standby";
  metrics_.Publish(std::make_shared<StatusReport>(calm));
  EXPECT_THAT(Page(), HasSubstr("stronghost_nic_up{group=\"front\",nic=\"eth0\"} 1\n"));
  EXPECT_THAT(Page(), Not(HasSubstr("eth2")));
}

TEST_F(MetricsTest, CountsFailoversByCause) {
  metrics_.CountFailover("front", "eth0", "carrier");
  metrics_.CountFailover("front", "eth0", "carrier");
  metrics_.CountFailover("front", "eth0", "drain");
  const std::string page = Page();
  EXPECT_THAT(page, HasSubstr("# TYPE stronghost_failovers_total counter\n"));
  EXPECT_THAT(page, HasSubstr("cause=\"carrier\""));
  for (const auto& [cause, count] : {std::pair{"carrier", 2}, std::pair{"drain", 1}}) {
    // The order of labels is the library's own affair.
    const size_t line = page.find(absl::StrFormat("cause=\"%s\"", cause));
    ASSERT_NE(line, std::string::npos);
    EXPECT_THAT(page.substr(page.find('}', line), 4), HasSubstr(absl::StrCat("} ", count)));
  }
}

TEST_F(MetricsTest, SortsOutagesIntoBuckets) {
  EXPECT_THAT(Page(), HasSubstr("stronghost_failover_outage_seconds_count 0\n"));
  metrics_.ObserveOutage(absl::Microseconds(40));
  metrics_.ObserveOutage(absl::Milliseconds(3));
  metrics_.ObserveOutage(absl::Minutes(5));
  const std::string page = Page();
  for (const char* line :
       {"# TYPE stronghost_failover_outage_seconds histogram\n",
        "stronghost_failover_outage_seconds_count 3\n", "_bucket{le=\"1e-05\"} 0\n",
        "_bucket{le=\"0.002\"} 1\n", "_bucket{le=\"0.005\"} 2\n", "_bucket{le=\"30\"} 2\n",
        "_bucket{le=\"+Inf\"} 3\n"}) {
    EXPECT_THAT(page, HasSubstr(line));
  }
}

TEST_F(MetricsTest, ExplainsEveryMetric) {
  metrics_.CountFailover("front", "eth0", "carrier");
  metrics_.Publish(std::make_shared<StatusReport>(testing::SampleStatus()));
  std::istringstream page(Page());
  int types = 0;
  int helps = 0;
  for (std::string line; std::getline(page, line);) {
    types += line.rfind("# TYPE stronghost_", 0) == 0 ? 1 : 0;
    helps += line.rfind("# HELP stronghost_", 0) == 0 && line.size() > 60 ? 1 : 0;
  }
  EXPECT_EQ(types, 5);
  EXPECT_EQ(helps, 5);
}

TEST_F(MetricsTest, ServesWhileTheLoopPublishes) {
  std::thread reader([this] {
    for (int i = 0; i < 20; ++i) {
      EXPECT_THAT(Page(), HasSubstr("200 OK"));
    }
  });
  for (int i = 0; i < 200; ++i) {
    metrics_.Publish(std::make_shared<StatusReport>(testing::LargeStatus(i)));
    metrics_.CountFailover("front", "eth0", "carrier");
    metrics_.ObserveOutage(absl::Milliseconds(1));
  }
  reader.join();
}

TEST_F(MetricsTest, ServesOthersWhileOneClientSaysNothing) {
  const UniqueFd silent = ConnectTo(metrics_.port());
  EXPECT_THAT(Page(), HasSubstr("200 OK"));
}

TEST(Metrics, ReportsAnAddressThatIsTakenOrNone) {
  int port = 0;
  const UniqueFd other = ListenAnywhere(&port);
  Metrics metrics;
  for (const std::string& address :
       {absl::StrCat("127.0.0.1:", port), std::string("nonsense"), std::string("192.0.2.1:9842")}) {
    const absl::Status status = metrics.Listen(address);
    EXPECT_TRUE(absl::IsUnavailable(status)) << address << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(address));
  }
  EXPECT_EQ(metrics.port(), 0);
  metrics.CountFailover("front", "eth0", "carrier");  // all else works on
  metrics.Publish(std::make_shared<StatusReport>());
}

// The daemon takes SIGTERM from a signalfd; a thread that doesn't block it would die of it.
TEST(Metrics, LeavesSignalsToTheLoop) {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  Metrics metrics;
  ASSERT_TRUE(metrics.Listen("127.0.0.1:0").ok());
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
  int others = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (task.path().filename() == absl::StrCat(gettid())) {
      continue;
    }
    ++others;
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("SigBlk:", 0) == 0) {
        const uint64_t blocked = std::stoull(line.substr(7), nullptr, 16);
        EXPECT_NE(blocked & (uint64_t{1} << (SIGTERM - 1)), 0U) << task.path();
      }
    }
  }
  EXPECT_GT(others, 0);
}

TEST(Metrics, ListensInTheNetworkNamespaceOfTheCaller) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "needs root to make a network namespace";
  }
  Metrics metrics;
  std::thread elsewhere([&metrics] {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0);
    ASSERT_TRUE(metrics.Listen("0.0.0.0:0").ok());
    std::ifstream table("/proc/thread-self/net/tcp");
    std::string text((std::istreambuf_iterator<char>(table)), std::istreambuf_iterator<char>());
    EXPECT_THAT(text, HasSubstr(absl::StrFormat("00000000:%04X", metrics.port())));
  });
  elsewhere.join();
  ASSERT_GT(metrics.port(), 0);
  std::ifstream table("/proc/thread-self/net/tcp");
  std::string text((std::istreambuf_iterator<char>(table)), std::istreambuf_iterator<char>());
  EXPECT_THAT(text, Not(HasSubstr(absl::StrFormat("00000000:%04X", metrics.port()))));
}

}  // namespace
}  // namespace stronghost
