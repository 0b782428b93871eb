// What the service manager hears, read from a notification socket of our own.
#include "agent/serve/watchdog.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/base/unique_fd.h"
#include "tests/unit/serve_fixture.h"

namespace stronghost {
namespace {

class WatchdogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string path = folder_.File("notify");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
      unsetenv(name);
    }
  }
  [[nodiscard]] bool Pending() const {
    pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    return poll(&waiting, 1, 0) == 1;
  }
  [[nodiscard]] std::string Heard() const {
    std::array<char, 4096> bytes{};
    const ssize_t count = recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    return count < 0 ? "" : std::string(bytes.data(), static_cast<size_t>(count));
  }

  testing::TempFolder folder_;
  UniqueFd socket_{socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

TEST_F(WatchdogTest, TellsReadyStatusAndStopping) {
  ASSERT_TRUE(NotifyReady("2 groups\nSTOPPING=1").ok());
  EXPECT_EQ(Heard(), "READY=1\nSTATUS=2 groups STOPPING=1");
  ASSERT_TRUE(NotifyStatus("eth1 stands in for eth0").ok());
  EXPECT_EQ(Heard(), "STATUS=eth1 stands in for eth0");
  ASSERT_TRUE(NotifyStopping().ok());
  EXPECT_EQ(Heard(), "STOPPING=1");
}

TEST_F(WatchdogTest, SucceedsWithoutAServiceManager) {
  unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(NotifyReady("").ok());
  EXPECT_TRUE(NotifyStopping().ok());
  EXPECT_FALSE(Pending());
}

TEST_F(WatchdogTest, ReportsANotificationThatCannotBeSent) {
  setenv("NOTIFY_SOCKET", folder_.File("nobody").c_str(), 1);
  EXPECT_FALSE(NotifyReady("").ok());
}

TEST_F(WatchdogTest, FeedsTheWatchdogWhileTheLoopRuns) {
  setenv("WATCHDOG_USEC", "20000", 1);
  setenv("WATCHDOG_PID", absl::StrCat(getpid()).c_str(), 1);
  sd_event* loop = nullptr;
  ASSERT_GE(sd_event_new(&loop), 0);
  const auto started = StartWatchdog(loop);
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_TRUE(*started);
  int fed = 0;
  for (int i = 0; i < 1000 && fed < 3; ++i) {
    sd_event_run(loop, 1'000'000);
    while (Pending()) {
      EXPECT_EQ(Heard(), "WATCHDOG=1");
      ++fed;
    }
  }
  EXPECT_GE(fed, 3);
  sd_event_unref(loop);
}

TEST_F(WatchdogTest, IsOffWhereNobodyAskedForIt) {
  sd_event* loop = nullptr;
  ASSERT_GE(sd_event_new(&loop), 0);
  const auto started = StartWatchdog(loop);
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_FALSE(*started);
  sd_event_unref(loop);
}

}  // namespace
}  // namespace stronghost
