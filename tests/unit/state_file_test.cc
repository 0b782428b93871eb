#include "agent/act/state_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "agent/act/sysctls.h"
#include "agent/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace stronghost {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const LinkId kEth0{IfIndex{4}, "eth0"};
const LinkId kVlan{IfIndex{12}, "eth0.100"};

class StateFileTest : public ::testing::Test {
 protected:
  StateFileTest() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/sh-state-XXXXXX");
    root_ = mkdtemp(pattern.data());
    dir_ = root_ + "/lib/stronghost";
    file_ = dir_ + "/state.json";
  }
  ~StateFileTest() override { std::filesystem::remove_all(root_); }

  absl::StatusOr<StateFile> Load(const std::string& netns = "1",
                                 const std::string& boot = "boot-a") const {
    return StateFile::Load(dir_, {boot, netns});
  }
  static void RecordOneOfEach(StateFile& file) {
    file.RecordSysctl("ipv4/conf/eth0.100/arp_announce", "0");
    file.RecordIfgroup(kEth0, 7);
    file.RecordAddress({"eth0", IpPrefix::Parse("198.51.100.1/24").value()});
    file.RecordAddress({"eth0", IpPrefix::Parse("2001:db8::1/64").value()});
    file.RecordFilter({IfIndex{4}, MacAddress::Parse("02:00:00:00:00:11").value()});
    file.RecordIfgroup(kVlan, 0);
    file.RecordDrain("eth1");
  }
  void Write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(dir_);
    std::ofstream(path, std::ios::binary) << text;
  }

  std::string root_;
  std::string dir_;
  std::string file_;
};

TEST_F(StateFileTest, MissingFileIsAnEmptyState) {
  const auto file = Load();
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->state().IsEmpty());
  EXPECT_EQ(file->path(), file_);
}

TEST_F(StateFileTest, EverythingRecordedComesBack) {
  auto file = Load();
  RecordOneOfEach(*file);
  ASSERT_TRUE(file->Save().ok());
  const auto again = Load();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->state(), file->state());
  EXPECT_FALSE(again->had_others());
  EXPECT_EQ(again->state().sysctls.at("ipv4/conf/eth0.100/arp_announce"), "0");
  EXPECT_EQ(again->state().ifgroups.at(kEth0), 7U);
  EXPECT_EQ(again->state().addresses.size(), 2U);
  EXPECT_EQ(again->state().filters.size(), 1U);
  EXPECT_EQ(again->state().ifgroups.at(kVlan), 0U);
  EXPECT_EQ(again->state().drains, std::set<std::string>{"eth1"});
  struct stat status {};
  ASSERT_EQ(stat(file_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(StateFileTest, ForgottenIsGone) {
  auto file = Load();
  RecordOneOfEach(*file);
  ASSERT_TRUE(file->Save().ok());
  const AgentState state = file->state();
  file->ForgetSysctl("ipv4/conf/eth0.100/arp_announce");
  file->ForgetIfgroup(kEth0);
  for (const AddedAddress& address : state.addresses) {
    file->ForgetAddress(address);
  }
  file->ForgetFilter(*state.filters.begin());
  file->ForgetDrain("eth1");
  file->ForgetIfgroup(kVlan);
  ASSERT_TRUE(file->Save().ok());
  EXPECT_TRUE(Load()->state().IsEmpty());
}

// Two alike, one relocated with a lifetime, and a NIC with its routes.
Inventory SomeInventory() {
  Inventory inventory;
  Residence residence{.length = 24,
                      .flags = 128,
                      .origin = "eth0",
                      .home = "eth0",
                      .adopted = true,
                      .settled = true};
  residence.broadcast = *IpAddress::Parse("198.51.100.255");
  residence.label = "eth0:1";
  inventory.addresses[*IpAddress::Parse("198.51.100.1")] = residence;
  residence.length = 25;
  inventory.addresses[*IpAddress::Parse("198.51.100.2")] = residence;
  inventory.addresses[*IpAddress::Parse("2001:db8::1")] = {
      .length = 64,
      .flags = 2,
      .scope = 1,
      .protocol = 3,
      .metric = 77,
      .peer = *IpAddress::Parse("2001:db8::2"),
      .valid_until = absl::FromUnixSeconds(5000),
      .preferred_until = absl::FromUnixSeconds(4000),
      .origin = "eth0",
      .home = "eth1",
      .left = {"eth0", "eth2"},
      .configured = "eth0"};
  KnownNic nic{.link = IfIndex{4}, .routes_lost = true};
  nic.mac.bytes = {2, 0, 0, 0, 0, 1};
  nic.routes = {{.table = 254,
                 .destination = *IpPrefix::Parse("0.0.0.0/0"),
                 .gateway = *IpAddress::Parse("198.51.100.254"),
                 .source = *IpAddress::Parse("198.51.100.1"),
                 .link = IfIndex{4},
                 .metric = 100,
                 .protocol = 4},
                {.table = 254,
                 .destination = *IpPrefix::Parse("2001:db8:7::/48"),
                 .link = IfIndex{4},
                 .metric = 1024,
                 .protocol = 3,
                 .scope = 253,
                 .flags = 4}};
  nic.lent = {nic.routes[0]};
  nic.returned = {nic.routes[1]};
  inventory.nics["eth0"] = nic;
  return inventory;
}

TEST_F(StateFileTest, TheInventoryComesBack) {
  auto file = Load();
  file->SetInventory(SomeInventory());
  ASSERT_TRUE(file->Save().ok());
  const auto again = Load();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->state().inventory, SomeInventory());
}

TEST_F(StateFileTest, ADamagedInventoryIsAnError) {
  auto file = Load();
  file->SetInventory(SomeInventory());
  ASSERT_TRUE(file->Save().ok());
  const std::string good = ReadTextFile(file_).value();
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"\"home\"", "\"hole\""},
           {"198.51.100.1/24", "198.51.100.1/99"},
           {"\"settled\": true", "\"settled\": 1"},
           {"\"flags\": 128", "\"flags\": -1"},
           {"\"scope\": 253", "\"scope\": 999"},
           {"\"valid_until\": 5000", "\"valid_until\": \"soon\""},
           {"02:00:00:00:00:01", "02:00"},
           {"\"routes\": [", "\"ruts\": ["}}) {
    const std::string bad = absl::StrReplaceAll(good, {{from, to}});
    ASSERT_NE(bad, good) << from;
    Write(file_, bad);
    EXPECT_TRUE(absl::IsDataLoss(Load().status())) << from;
  }
}

TEST_F(StateFileTest, AnInventoryOfBeforeRoutesWereLentHasNone) {
  auto file = Load();
  file->SetInventory(SomeInventory());
  ASSERT_TRUE(file->Save().ok());
  Write(file_, absl::StrReplaceAll(ReadTextFile(file_).value(),
                                   {{"\"lent\"", "\"later\""}, {"\"returned\"", "\"too\""}}));
  const auto again = Load();
  ASSERT_TRUE(again.ok()) << again.status();
  const KnownNic& nic = again->state().inventory.nics.at("eth0");
  EXPECT_TRUE(nic.lent.empty());
  EXPECT_TRUE(nic.returned.empty());
  EXPECT_EQ(nic.routes, SomeInventory().nics.at("eth0").routes);
}

TEST_F(StateFileTest, AFileOfBeforeThereWereDrainsHasNone) {
  auto file = Load();
  RecordOneOfEach(*file);
  ASSERT_TRUE(file->Save().ok());
  Write(file_, absl::StrReplaceAll(ReadTextFile(file_).value(), {{"\"drains\"", "\"later\""}}));
  const auto again = Load();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->state().drains.empty());
  EXPECT_EQ(again->state().filters, file->state().filters);
}

TEST_F(StateFileTest, FirstOriginalStays) {
  auto file = Load();
  file->RecordSysctl("ipv4/conf/eth0/arp_announce", "0");
  file->RecordSysctl("ipv4/conf/eth0/arp_announce", "2");
  file->RecordIfgroup(kEth0, 0);
  file->RecordIfgroup(kEth0, 5300);
  EXPECT_EQ(file->state().sysctls.at("ipv4/conf/eth0/arp_announce"), "0");
  EXPECT_EQ(file->state().ifgroups.at(kEth0), 0U);
}

TEST_F(StateFileTest, UnsavedChangesAreNotOnDiskAndUnchangedStateIsNotWritten) {
  auto file = Load();
  file->RecordIfgroup(kEth0, 0);
  EXPECT_TRUE(Load()->state().IsEmpty());
  ASSERT_TRUE(file->Save().ok());
  std::filesystem::remove(file_);
  file->RecordIfgroup(kEth0, 0);
  file->ForgetIfgroup(kVlan);
  ASSERT_TRUE(file->Save().ok());
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(StateFileTest, CrashBeforeTheRenameLeavesTheOldState) {
  auto file = Load();
  file->RecordIfgroup(kEth0, 0);
  ASSERT_TRUE(file->Save().ok());
  for (const char* half : {"", "{\"version\":1,\"boot\":\"boot-a\",\"namesp"}) {
    Write(file_ + ".tmp", half);
    auto again = Load();
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->state(), file->state());
    again->RecordIfgroup(kVlan, 0);
    ASSERT_TRUE(again->Save().ok());
    EXPECT_EQ(Load()->state().ifgroups.size(), 2U);
    EXPECT_FALSE(std::filesystem::exists(file_ + ".tmp"));
    again->ForgetIfgroup(kVlan);
    ASSERT_TRUE(again->Save().ok());
  }
}

TEST_F(StateFileTest, DamagedFilesAreErrorsThatSayWhatToDo) {
  auto file = Load();
  RecordOneOfEach(*file);
  ASSERT_TRUE(file->Save().ok());
  const std::string good = ReadTextFile(file_).value();
  ASSERT_THAT(good, HasSubstr("\"group\": 7"));
  for (const std::string& bad : {
           std::string(),
           std::string("{}"),
           std::string("[1]"),
           good.substr(0, good.size() / 2),
           absl::StrReplaceAll(good, {{"\"version\": 1", "\"version\": \"1\""}}),
           absl::StrReplaceAll(good, {{"\"boot\"", "\"boat\""}}),
           absl::StrReplaceAll(good, {{"\"namespaces\"", "\"spaces\""}}),
           absl::StrReplaceAll(good, {{"\"filters\"", "\"fitlers\""}}),
           absl::StrReplaceAll(good, {{"\"group\": 7", "\"group\": -7"}}),
           absl::StrReplaceAll(good, {{"\"group\": 7", "\"group\": 4294967296"}}),
           absl::StrReplaceAll(good, {{"198.51.100.1/24", "198.51.100.1/33"}}),
           absl::StrReplaceAll(good, {{"02:00:00:00:00:11", "02:00:00:00:00"}}),
           absl::StrReplaceAll(good, {{"\"name\": \"eth0.100\"", "\"name\": 5"}}),
       }) {
    Write(file_, bad);
    const auto loaded = Load();
    ASSERT_EQ(loaded.status().code(), absl::StatusCode::kDataLoss) << bad;
    EXPECT_THAT(Message(loaded.status()), HasSubstr(file_));
    EXPECT_THAT(Message(loaded.status()), HasSubstr("move it away"));
  }
  Write(file_, good);
  EXPECT_TRUE(Load().ok());
}

TEST_F(StateFileTest, NewerVersionIsRefusedAndKept) {
  const std::string newer = "{\"version\": 2, \"anything\": true}";
  Write(file_, newer);
  const auto loaded = Load();
  EXPECT_EQ(loaded.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(loaded.status()), HasSubstr("version 2"));
  EXPECT_EQ(ReadTextFile(file_).value(), newer);
}

TEST_F(StateFileTest, ABootEndsWhatWasChanged) {
  auto file = Load();
  RecordOneOfEach(*file);
  ASSERT_TRUE(file->Save().ok());
  auto after = Load("1", "boot-b");
  ASSERT_TRUE(after.ok());
  EXPECT_TRUE(after->state().IsEmpty());
  after->RecordIfgroup(kEth0, 0);
  ASSERT_TRUE(after->Save().ok());
  EXPECT_THAT(ReadTextFile(file_).value(), Not(HasSubstr("boot-a")));
}

TEST_F(StateFileTest, NamespacesThatShareAFolderKeepTheirOwn) {
  std::vector<std::thread> daemons;
  for (uint32_t n = 1; n <= 4; ++n) {
    daemons.emplace_back([this, n] {
      auto file = Load(absl::StrCat(n));
      ASSERT_TRUE(file.ok()) << file.status();
      for (uint32_t i = 1; i <= 20; ++i) {
        file->RecordIfgroup({IfIndex{i}, absl::StrCat("ns", n)}, 0);
        ASSERT_TRUE(file->Save().ok());
      }
    });
  }
  for (std::thread& daemon : daemons) {
    daemon.join();
  }
  for (uint32_t n = 1; n <= 4; ++n) {
    const auto file = Load(absl::StrCat(n));
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->state().ifgroups.size(), 20U);
    EXPECT_EQ(file->state().ifgroups.begin()->first.name, absl::StrCat("ns", n));
    EXPECT_TRUE(file->had_others());
  }
}

TEST_F(StateFileTest, FailedSaveIsTriedAgain) {
  auto file = Load();
  file->RecordIfgroup(kEth0, 0);
  std::filesystem::create_directories(root_ + "/lib");
  std::ofstream(dir_) << "in the way";
  const absl::Status status = file->Save();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(Message(status), HasSubstr(dir_));
  std::filesystem::remove(dir_);
  ASSERT_TRUE(file->Save().ok());
  EXPECT_EQ(Load()->state(), file->state());
}

TEST_F(StateFileTest, NameThatJsonCannotHoldIsAnError) {
  auto file = Load();
  file->RecordIfgroup({IfIndex{4}, "eth\xff"}, 0);
  EXPECT_EQ(file->Save().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(StateFileTest, KernelInstanceIsTheSameEveryTime) {
  const auto first = KernelInstance::Current();
  const auto second = KernelInstance::Current();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->boot.size(), 36U);
  EXPECT_FALSE(first->netns.empty());
  EXPECT_EQ(first->boot, second->boot);
  EXPECT_EQ(first->netns, second->netns);
}

TEST(SysctlPathTest, NamesAreComponentsAndNothingLeavesTheFolder) {
  EXPECT_EQ(NicSysctlPath("ipv4", "eth0.100", "arp_announce").value(),
            "ipv4/conf/eth0.100/arp_announce");
  for (const char* nic : {"", ".", "..", "a/b", "../all"}) {
    EXPECT_EQ(NicSysctlPath("ipv4", nic, "arp_announce").status().code(),
              absl::StatusCode::kInvalidArgument)
        << nic;
  }
  for (const char* path : {"", "/ipv4/ip_forward", "ipv4//ip_forward", "../kernel/hostname",
                           "ipv4/conf/../ip_forward", "ipv4/./ip_forward", "ipv4/conf/"}) {
    EXPECT_EQ(ReadSysctl(path).status().code(), absl::StatusCode::kInvalidArgument) << path;
    EXPECT_EQ(WriteSysctl({path, "1"}).code(), absl::StatusCode::kInvalidArgument) << path;
  }
  EXPECT_EQ(ReadSysctl("ipv4/no_such_knob").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(WriteSysctl({"ipv4/no_such_knob", "1"}).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace stronghost
