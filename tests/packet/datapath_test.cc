// Opening: pins, adoption, refusals, death.
#include "agent/datapath/datapath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/datapath/libbpf_log.h"
#include "agent/datapath/program_info.h"
#include "agent/datapath/reply_hooks.h"
#include "tests/packet/datapath_fixture.h"

namespace stronghost::packet {
namespace {

using testing::HasSubstr;

TEST_F(DatapathTest, FirstOpenMakesEveryPinOfTheContract) {
  const auto datapath = OpenOrDie();
  ASSERT_NE(datapath, nullptr);
  EXPECT_FALSE(datapath->adopted());
  for (const char* map :
       {"sh_addresses", "sh_prefixes", "sh_homes", "sh_nics", "sh_counters", "sh_events"}) {
    EXPECT_EQ(access(Pin(map).c_str(), F_OK), 0) << map;
  }
  EXPECT_TRUE(datapath->ReadState()->homes.empty());
  EXPECT_TRUE(datapath->AttachedNics().empty());
}

TEST_F(DatapathTest, ReopenKeepsTheContents) {
  auto datapath = OpenOrDie();
  ASSERT_NE(datapath, nullptr);
  ASSERT_TRUE(datapath->ApplyState(SmallState(), {}).ok());
  datapath.reset();
  datapath = OpenOrDie();
  ASSERT_NE(datapath, nullptr);
  EXPECT_TRUE(datapath->adopted());
  const auto state = datapath->ReadState();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*state, SmallState());
}

TEST_F(DatapathTest, SuddenDeathLosesNothing) {
  const pid_t child = fork();
  if (child == 0) {
    const auto datapath = Open();
    if (datapath.ok() && (*datapath)->ApplyState(SmallState(), {}).ok() &&
        (*datapath)->AttachNic(Nic(XdpMode::kNative)).ok()) {
      kill(getpid(), SIGKILL);
    }
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed before its death";
  if (TcxSupported()) {
    const auto steer = PinnedLink("steer");
    const auto deliver = PinnedLink("deliver");
    ASSERT_TRUE(steer.has_value() && deliver.has_value());
    EXPECT_EQ(TcxPrograms(kTcxEgress), std::vector<uint32_t>{steer->program_id});
    EXPECT_EQ(TcxPrograms(kTcxIngress), std::vector<uint32_t>{deliver->program_id});
  } else {
    EXPECT_EQ(ClsactPrograms("egress").size(), 1U);
    EXPECT_EQ(ClsactPrograms("ingress").size(), 1U);
  }
  EXPECT_NE(XdpProgram(XdpKind::kNative), 0U);
  const auto datapath = OpenOrDie();
  ASSERT_NE(datapath, nullptr);
  EXPECT_EQ(*datapath->ReadState(), SmallState());
  EXPECT_EQ(datapath->AttachedNics(), std::vector<IfIndex>{link()});
}

TEST_F(DatapathTest, DeathBetweenTwoPinsIsHealed) {
  OpenOrDie().reset();
  ASSERT_EQ(unlink(Pin("sh_counters").c_str()), 0);
  ASSERT_EQ(unlink(Pin("sh_addresses").c_str()), 0);
  const auto datapath = OpenOrDie();
  ASSERT_NE(datapath, nullptr);
  EXPECT_EQ(access(Pin("sh_counters").c_str(), F_OK), 0);
  EXPECT_TRUE(datapath->ApplyState(SmallState(), *datapath->ReadState()).ok());
}

TEST_F(DatapathTest, SecondDaemonIsRefused) {
  auto first = OpenOrDie();
  const auto second = Open();
  ASSERT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition) << second.status();
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(pin_dir()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another stronghostd"));
  first.reset();
  EXPECT_TRUE(Open().ok());
}

TEST_F(DatapathTest, MapsOfAnotherLayoutVersionAreReplacedAllAtOnce) {
  OpenOrDie().reset();
  const uint32_t homes = PinnedMapId("sh_homes");
  const uint32_t addresses = PinnedMapId("sh_addresses");
  StampOtherLayout();
  auto datapath = OpenOrDie();
  EXPECT_EQ(datapath->replaced(),
            absl::StrCat("sh_homes has layout version ", SH_LAYOUT_VERSION + 1, ", this build has ",
                         SH_LAYOUT_VERSION));
  EXPECT_FALSE(datapath->adopted());
  EXPECT_NE(PinnedMapId("sh_homes"), homes);
  EXPECT_NE(PinnedMapId("sh_addresses"), addresses);
  datapath.reset();
  EXPECT_EQ(OpenOrDie()->replaced(), "");
}

// As a death between any two steps leaves them: the next start finds out by sh_homes, which goes
// last, or makes what is absent.
TEST_F(DatapathTest, MapsSetAsideInPartAreSetAsideAgain) {
  OpenOrDie().reset();
  StampOtherLayout();
  ASSERT_EQ(unlink(Pin("sh_addresses").c_str()), 0);
  ASSERT_EQ(unlink(Pin("sh_nics").c_str()), 0);
  const uint32_t counters = PinnedMapId("sh_counters");
  EXPECT_NE(OpenOrDie()->replaced(), "");
  EXPECT_NE(PinnedMapId("sh_counters"), counters);
}

TEST_F(DatapathTest, MapOfAnotherSizeIsReplaced) {
  OpenOrDie().reset();
  ASSERT_EQ(unlink(Pin("sh_nics").c_str()), 0);
  const UniqueFd other(
      bpf_map_create(BPF_MAP_TYPE_HASH, "sh_nics", 4, sizeof(sh_nic) + 8, SH_NICS_MAX, nullptr));
  ASSERT_EQ(bpf_obj_pin(other.get(), Pin("sh_nics").c_str()), 0);
  EXPECT_EQ(OpenOrDie()->replaced(), absl::StrCat("sh_nics has value size ", sizeof(sh_nic) + 8,
                                                  ", this build has ", sizeof(sh_nic)));
  EXPECT_NE(PinnedMapId("sh_nics"), MapId(other.get()).value());
}

TEST_F(DatapathTest, PinDirOutsideOfBpffsIsRefused) {
  for (const char* pin_dir : {"/run/stronghost-pins", "relative/folder"}) {
    const auto refused = Datapath::Open({.pin_dir = pin_dir});
    EXPECT_FALSE(refused.ok());
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(pin_dir));
  }
  EXPECT_NE(access("/run/stronghost-pins", F_OK), 0);
}

// `ip netns exec` gives a process a private /sys, in which no bpf file system is mounted. What is
// pinned must be there after the process and its mounts are gone.
TEST_F(DatapathTest, PinsOutliveAPrivateMountNamespace) {
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 || mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        umount2("/sys", MNT_DETACH) != 0 || mount("sysfs", "/sys", "sysfs", 0, nullptr) != 0) {
      _exit(2);
    }
    const auto datapath = Open();
    _exit(datapath.ok() && (*datapath)->AttachNic(Nic()).ok() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(access(Pin("sh_homes").c_str(), F_OK), 0);
  EXPECT_EQ(TcxPrograms(kTcxEgress).size() + ClsactPrograms("egress").size(), 1U);
  const auto datapath = OpenOrDie();
  ASSERT_NE(datapath, nullptr);
  EXPECT_TRUE(datapath->adopted());
}

// Gives up, for good, every capability but those that files ask for.
bool DropBpfCapabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  data[0].effective = data[0].permitted = 1U << CAP_DAC_OVERRIDE;
  return syscall(SYS_capset, &header, data) == 0;
}

TEST_F(DatapathTest, FailureToLoadNamesTheStepAndTheMend) {
  const pid_t child = fork();
  if (child == 0) {
    const auto status = DropBpfCapabilities() ? Open(TcMode::kClsact).status() : absl::OkStatus();
    const std::string message(status.message());
    std::cout << message << std::endl;
    _exit(absl::StartsWith(message, "load the BPF programs") &&
                  absl::StrContains(message, "run as root or give CAP_BPF") &&
                  absl::StrContains(message, "libbpf: ")
              ? 0
              : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

// What cgroup = "auto" means.
TEST(CgroupRootTest, IsWhereTheFileSystemIsMounted) {
  const auto root = CgroupRoot();
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(access((*root + "/cgroup.procs").c_str(), F_OK), 0) << *root;
}

TEST(LibbpfLogTest, WarningsEndUpInTheStatus) {
  const LibbpfLog log;
  const char garbage[] = "no ELF";
  ASSERT_EQ(bpf_object__open_mem(garbage, sizeof(garbage), nullptr), nullptr);
  const absl::Status status = log.Error(errno, "open the object");
  EXPECT_THAT(std::string(status.message()), HasSubstr("open the object"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("libbpf: "));
}

TEST(LibbpfLogTest, OnlyTheTailIsKept) {
  const LibbpfLog log;
  const char garbage[] = "no ELF";
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(bpf_object__open_mem(garbage, sizeof(garbage), nullptr), nullptr);
  }
  EXPECT_LT(log.Tail().size(), 3100U);
  EXPECT_EQ(log.Tail().substr(0, 11), "...\nlibbpf:");
}

}  // namespace
}  // namespace stronghost::packet
