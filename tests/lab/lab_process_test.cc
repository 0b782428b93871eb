// Processes, namespaces, cgroups and pin folders: what a test makes, and that nothing of it stays.
#include "tests/lib/process.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lib/bpffs.h"
#include "tests/lib/cgroup.h"
#include "tests/lib/gtest_status.h"
#include "tests/lib/lab.h"
#include "tests/lib/mounts.h"
#include "tests/lib/netns.h"
#include "tests/lib/scratch.h"

namespace stronghost::lab {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// A zombie that init has not reaped yet is dead.
bool IsAlive(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  return !text.empty() && text.find(") Z ") == std::string::npos;
}

bool Exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

TEST(ProcessTest, TellsOutputAndExitStatus) {
  ASSERT_OK_AND_ASSIGN(
      const ExecResult result,
      RunProgram({.argv = {"sh", "-c", "cat; echo $GREETING; echo err >&2; exit 3"},
                  .environment = {"GREETING=hi"},
                  .input = "in\n"}));
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_EQ(result.output, "in\nhi\nerr\n");
}

TEST(ProcessTest, ProgramThatDoesNotExistIsAnErrorNotAnExitStatus) {
  const absl::Status status = RunProgram({.argv = {"no-such-program"}}).status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no-such-program"));
}

TEST(ProcessTest, SignalsWaitsAndTimesOut) {
  ASSERT_OK_AND_ASSIGN(Process process, Process::Start({.argv = {"sleep", "1000"}}));
  EXPECT_TRUE(process.IsRunning());
  EXPECT_TRUE(absl::IsDeadlineExceeded(process.Wait(absl::Milliseconds(20)).status()));
  ASSERT_OK_AND_ASSIGN(const int exit_status, process.Stop(SIGTERM));
  EXPECT_EQ(exit_status, 128 + SIGTERM);
  EXPECT_FALSE(process.IsRunning());
  EXPECT_TRUE(absl::IsNotFound(process.Kill()));
}

TEST(ProcessTest, AwaitsOutput) {
  ASSERT_OK_AND_ASSIGN(const Process process,
                       Process::Start({.argv = {"sh", "-c", "echo ready; exec sleep 1000"}}));
  EXPECT_OK(process.AwaitOutput("ready", absl::Seconds(5)));
  ASSERT_OK_AND_ASSIGN(const Process ended, Process::Start({.argv = {"echo", "no"}}));
  EXPECT_TRUE(absl::IsFailedPrecondition(ended.AwaitOutput("ready", absl::Seconds(5))));
}

TEST(ProcessTest, DestructionKillsTheWholeGroup) {
  pid_t grandchild = 0;
  {
    ASSERT_OK_AND_ASSIGN(const Process process,
                         Process::Start({.argv = {"sh", "-c", "sleep 1000 & echo $! ok; wait"}}));
    ASSERT_OK(process.AwaitOutput("ok", absl::Seconds(5)));
    const std::string output = process.Output();
    ASSERT_TRUE(absl::SimpleAtoi(output.substr(0, output.find(' ')), &grandchild));
    ASSERT_TRUE(IsAlive(grandchild));
  }
  EXPECT_OK(Await(absl::Seconds(5), [&] { return !IsAlive(grandchild); }));
}

TEST(ProcessTest, OutlivesTheThreadThatStartedIt) {
  std::optional<Process> process;
  std::thread([&process] {
    auto started = Process::Start({.argv = {"sleep", "1000"}});
    if (started.ok()) {
      process.emplace(*std::move(started));
    }
  }).join();
  ASSERT_TRUE(process.has_value());
  // PR_SET_PDEATHSIG of a thread that is gone would have killed it by now.
  EXPECT_TRUE(absl::IsDeadlineExceeded(process->Wait(absl::Milliseconds(50)).status()));
}

TEST(NetNsTest, RunsInsideAndComesBack) {
  ASSERT_OK_AND_ASSIGN(NetNs netns, NetNs::Create("x"));
  const auto here = [] {
    return std::filesystem::read_symlink("/proc/thread-self/ns/net").string();
  };
  const std::string before = here();
  std::string inside;
  EXPECT_OK(netns.Run([&] {
    inside = here();
    return absl::OkStatus();
  }));
  EXPECT_NE(inside, before);
  EXPECT_EQ(here(), before);
  ASSERT_OK_AND_ASSIGN(const ExecResult in_child, netns.Exec({"readlink", "/proc/self/ns/net"}));
  EXPECT_EQ(in_child.output, inside + "\n");
  ASSERT_OK_AND_ASSIGN(const uint64_t cookie, netns.Cookie());
  EXPECT_GT(cookie, 1U);
  // A program started there sees the same /sys as the test, with what is mounted on it.
  EXPECT_TRUE(absl::IsInternal(netns.Check({"false"}).status()));
}

TEST(NetNsTest, IsGoneAfterwards) {
  std::string path;
  {
    ASSERT_OK_AND_ASSIGN(NetNs netns, NetNs::Create("x"));
    NetNs moved = std::move(netns);
    path = absl::StrCat("/run/netns/", moved.name());
    EXPECT_TRUE(Exists(path));
    EXPECT_OK(moved.IpBatch("link add d0 type veth peer name d9\n"));
    EXPECT_FALSE(moved.IpBatch("link add d0 type veth\nlink add d1 type veth peer name d8\n").ok());
    EXPECT_FALSE(moved.IfIndex("d1").ok());  // the batch ended at its first failure
  }
  EXPECT_FALSE(Exists(path));
}

TEST(CgroupTest, ProcessesJoinAndItIsRemovedWithThem) {
  std::string path;
  std::optional<Process> process;
  {
    ASSERT_OK_AND_ASSIGN(const Cgroup cgroup, Cgroup::Create("x"));
    path = cgroup.path();
    auto started = Process::Start({.argv = {"sleep", "1000"}, .cgroup = &cgroup});
    ASSERT_OK(started);
    process.emplace(*std::move(started));
    {
      ASSERT_OK_AND_ASSIGN(const CgroupScope scope, CgroupScope::Enter(cgroup));
      std::ifstream file(path + "/cgroup.procs");
      const std::string members((std::istreambuf_iterator<char>(file)), {});
      EXPECT_THAT(absl::StrCat("\n", members), HasSubstr(absl::StrCat("\n", process->pid(), "\n")));
      EXPECT_THAT(absl::StrCat("\n", members), HasSubstr(absl::StrCat("\n", getpid(), "\n")));
    }
    std::ifstream file(path + "/cgroup.procs");
    const std::string members((std::istreambuf_iterator<char>(file)), {});
    EXPECT_THAT(absl::StrCat("\n", members), Not(HasSubstr(absl::StrCat("\n", getpid(), "\n"))));
  }
  EXPECT_FALSE(Exists(path));
  EXPECT_OK(process->Wait(absl::Seconds(5)));  // killed with its cgroup
}

TEST(PinFolderTest, LiesOnBpffsAndIsRemovedWithItsContent) {
  std::string path;
  {
    ASSERT_OK_AND_ASSIGN(const PinFolder folder, PinFolder::Create("x"));
    path = folder.path();
    struct statfs status {};
    ASSERT_EQ(statfs(path.c_str(), &status), 0);
    EXPECT_EQ(status.f_type, 0xcafe4a11);
    ASSERT_EQ(mkdir((path + "/inner").c_str(), 0700), 0);
  }
  EXPECT_FALSE(Exists(path));
}

// A daemon that left its group: only the sweep can find it. Prints its pid once it has left.
constexpr char kOrphan[] =
    "pid=$(setsid sh -c 'sleep 1000 > /dev/null 2>&1 & echo $!'); echo -n $pid";

// Run only by the test below, which kills it.
TEST(VictimOfKill, DISABLED_WaitsForItsEnd) {
  ASSERT_OK_AND_ASSIGN(auto lab, Lab::Create());
  ASSERT_OK_AND_ASSIGN(const Cgroup cgroup, Cgroup::Create("victim"));
  ASSERT_OK_AND_ASSIGN(const PinFolder folder, PinFolder::Create("victim"));
  ASSERT_OK_AND_ASSIGN(const Process child,
                       Process::Start(lab->server(), {.argv = {"sleep", "1000"}}));
  ASSERT_OK_AND_ASSIGN(const std::string orphan, lab->client().Check({"sh", "-c", kOrphan}));
  const std::string files = absl::StrCat("/tmp/", ScratchName("victim"));
  ASSERT_TRUE(std::filesystem::create_directory(files));
  std::cout << "made " << child.pid() << " " << orphan << " " << lab->server().name() << " "
            << cgroup.path() << " " << folder.path() << " " << files << " end" << std::endl;
  pause();
}

TEST(CrashTest, NothingOfAKilledTestStays) {
  ASSERT_OK_AND_ASSIGN(
      Process victim,
      Process::Start(
          {.argv = {std::filesystem::read_symlink("/proc/self/exe").string(),
                    "--gtest_filter=VictimOfKill.*", "--gtest_also_run_disabled_tests"}}));
  ASSERT_OK(victim.AwaitOutput(" end", absl::Seconds(20)));
  const std::string output = victim.Output();
  const std::vector<std::string> words =
      absl::StrSplit(output.substr(output.find("made ")), absl::ByAnyChar(" \n"));
  ASSERT_GE(words.size(), 8U) << output;
  pid_t child = 0;
  pid_t orphan = 0;
  ASSERT_TRUE(absl::SimpleAtoi(words[1], &child) && absl::SimpleAtoi(words[2], &orphan));
  const std::vector<std::string> left = {absl::StrCat("/run/netns/", words[3]), words[4], words[5],
                                         words[6]};
  for (const std::string& path : left) {
    EXPECT_TRUE(Exists(path)) << path;
  }
  SweepLeftOvers();  // must spare what belongs to the living
  for (const std::string& path : left) {
    EXPECT_TRUE(Exists(path)) << path;
  }
  ASSERT_OK(victim.Stop(SIGKILL));
  EXPECT_OK(Await(
      absl::Seconds(5), [&] { return !IsAlive(child); }, "death of the child"));
  EXPECT_TRUE(IsAlive(orphan));
  SweepLeftOvers();
  EXPECT_OK(Await(
      absl::Seconds(5), [&] { return !IsAlive(orphan); }, "death of the orphan"));
  for (const std::string& path : left) {
    EXPECT_FALSE(Exists(path)) << path;
  }
}

}  // namespace
}  // namespace stronghost::lab
