// The carrier watch: a dead cable flips wires without a packet. Where the kernel refuses it, that
// is said.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/base/status.h"
#include "tests/lib/await.h"
#include "tests/packet/datapath_fixture.h"

namespace stronghost::packet {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The link with this id; invalid when the kernel has none.
UniqueFd LinkById(uint32_t id) {
  return UniqueFd(bpf_link_get_fd_by_id(id));
}

// Makes of this thread's permitted capabilities the effective ones.
bool SetEffective(const std::function<uint64_t(uint64_t)>& choose) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) {
    return false;
  }
  const uint64_t effective = choose(uint64_t{data[1].permitted} << 32 | data[0].permitted);
  data[0].effective = static_cast<uint32_t>(effective);
  data[1].effective = static_cast<uint32_t>(effective >> 32);
  return syscall(SYS_capset, &header, data.data()) == 0;
}

class DatapathCarrierTest : public DatapathTest {
 protected:
  // Homes 1 and 2 are carried by h0, home 3 by its peer; 1 and 3 have h0's stand-in for backup, a
  // number that no NIC has.
  void SetUp() override {
    DatapathTest::SetUp();
    peer_ = IfIndex{static_cast<uint32_t>(netns_->IfIndex("h1").value_or(0))};
    state_ = SmallState();
    state_.homes[HomeIndex{1}].path = {link(), kStandIn};
    state_.homes[HomeIndex{2}].path = {link(), IfIndex::kNone};
    HomeState third = state_.homes[HomeIndex{2}];
    third.index = third.next = HomeIndex{3};
    third.group = 2;
    third.path = {peer_, kStandIn};
    state_.homes[HomeIndex{3}] = third;
    datapath_ = OpenOrDie();
    ASSERT_NE(datapath_, nullptr);
    ASSERT_TRUE(datapath_->ApplyState(state_, {}).ok());
    if (const absl::Status status = datapath_->WatchCarrier(); absl::IsPermissionDenied(status)) {
      GTEST_SKIP() << Message(status);
    } else {
      ASSERT_TRUE(status.ok()) << status;
    }
  }

  void ExpectPaths(Path first, Path third) const {
    EXPECT_EQ(datapath_->ReadPath(HomeIndex{1}), first);
    EXPECT_EQ(datapath_->ReadPath(HomeIndex{2}), (Path{link(), IfIndex::kNone}));
    EXPECT_EQ(datapath_->ReadPath(HomeIndex{3}), third);
  }

  std::vector<sh_event> TakeEvents() const {
    std::vector<sh_event> events;
    EXPECT_TRUE(
        datapath_->ConsumeEvents([&](const sh_event& event) { events.push_back(event); }).ok());
    return events;
  }

  [[nodiscard]] uint32_t WatchId() const {
    const UniqueFd pinned(bpf_obj_get(Pin("links/carrier").c_str()));
    bpf_link_info info{};
    uint32_t length = sizeof(info);
    EXPECT_EQ(bpf_obj_get_info_by_fd(pinned.get(), &info, &length), 0) << "no pin";
    return info.id;
  }

  // The kernel frees a link a moment after its last pin is gone.
  static void ExpectGone(uint32_t id) {
    EXPECT_TRUE(lab::Await(
                    absl::Seconds(10), [id] { return !LinkById(id).valid(); }, "the link's end")
                    .ok())
        << "link " << id << " is still there";
  }

  static constexpr IfIndex kStandIn{4711};
  IfIndex peer_ = IfIndex::kNone;
  DatapathState state_;
  std::unique_ptr<Datapath> datapath_;
};

MATCHER_P2(IsEvent, type, ifindex, "") {
  return arg.type == static_cast<uint32_t>(type) && arg.ifindex == ToInt(ifindex) &&
         arg.time_ns != 0;
}

// Setting a veth down takes the carrier from both ends, its own first.
TEST_F(DatapathCarrierTest, LossFlipsEveryHomeOnThatWireThatHasABackup) {
  ExpectPaths({link(), kStandIn}, {peer_, kStandIn});
  Run({"ip", "link", "set", "h1", "down"});
  ExpectPaths({kStandIn, IfIndex::kNone}, {kStandIn, IfIndex::kNone});
  const std::vector<sh_event> events = TakeEvents();
  ASSERT_THAT(events,
              ElementsAre(IsEvent(SH_EVENT_FLIP, peer_), IsEvent(SH_EVENT_CARRIER, peer_),
                          IsEvent(SH_EVENT_FLIP, link()), IsEvent(SH_EVENT_CARRIER, link())));
  EXPECT_EQ(events[0].home, 3U);
  EXPECT_EQ(events[2].home, 1U);
  EXPECT_EQ(events[2].to, ToInt(kStandIn));
}

// NICs 4711 and 4712 carry themselves, 4713 was lost before, 4714 got into the ring from another
// group, and 4715 is gone.
TEST_F(DatapathCarrierTest, WhoseBackupIsGoneGetsTheNextMemberThatCarriesItself) {
  constexpr IfIndex kThird{4712};
  constexpr IfIndex kLostBefore{4713};
  constexpr IfIndex kStranger{4714};
  const DatapathState before = state_;
  const HomeState any = state_.homes[HomeIndex{1}];
  state_.homes.clear();
  const auto add = [&](uint32_t index, uint32_t next, IfIndex link, Path path) {
    HomeState home = any;
    home.index = HomeIndex{index};
    home.next = HomeIndex{next};
    home.link = link;
    home.path = path;
    state_.homes[home.index] = home;
  };
  add(1, 4, link(), {link(), kStandIn});
  add(4, 8, kStandIn, {kStandIn, link()});
  add(8, 6, kStranger, {kStranger, IfIndex::kNone});
  state_.homes[HomeIndex{8}].group = 2;
  add(9, 1, IfIndex{4715}, {kStandIn, IfIndex::kNone});
  state_.homes[HomeIndex{9}].alias = true;
  add(6, 5, kLostBefore, {kStandIn, link()});
  add(5, 1, kThird, {kThird, kLostBefore});
  state_.addresses.clear();
  state_.prefixes.clear();
  ASSERT_TRUE(datapath_->ApplyState(state_, before).ok());
  Run({"ip", "link", "set", "h1", "down"});
  EXPECT_EQ(datapath_->ReadPath(HomeIndex{1}), (Path{kStandIn, kThird}));
  EXPECT_EQ(datapath_->ReadPath(HomeIndex{4}), (Path{kStandIn, kThird}));
  EXPECT_EQ(datapath_->ReadPath(HomeIndex{6}), (Path{kStandIn, kThird}));
  EXPECT_EQ(datapath_->ReadPath(HomeIndex{5}), (Path{kThird, kLostBefore}));
  EXPECT_EQ(datapath_->ReadPath(HomeIndex{8}), (Path{kStranger, IfIndex::kNone}));
  EXPECT_EQ(datapath_->ReadPath(HomeIndex{9}), (Path{kStandIn, IfIndex::kNone}));
}

// Drivers call netif_carrier_off() as often as they like.
TEST_F(DatapathCarrierTest, ANicThatIsDeadAlreadyIsNotLostAgain) {
  Run({"ip", "link", "set", "h1", "down"});
  ASSERT_TRUE(datapath_->CompareAndSwapPath(HomeIndex{1}, datapath_->ReadPath(HomeIndex{1}),
                                            {link(), kStandIn}));
  static_cast<void>(TakeEvents());
  Run({"ip", "link", "set", "h0", "down"});
  EXPECT_EQ(datapath_->ReadPath(HomeIndex{1}), (Path{link(), kStandIn}));
  EXPECT_THAT(TakeEvents(), IsEmpty());
  Run({"ip", "link", "set", "h0", "up"});
  Run({"ip", "link", "set", "h1", "up"});
  Run({"ip", "link", "set", "h1", "down"});
  EXPECT_EQ(datapath_->ReadPath(HomeIndex{1}), (Path{kStandIn, IfIndex::kNone}));
}

TEST_F(DatapathCarrierTest, NicOfTheSameNumberElsewhereIsNotOurs) {
  auto elsewhere = lab::NetNs::Create("elsewhere");
  ASSERT_TRUE(elsewhere.ok()) << elsewhere.status();
  const absl::Status made = elsewhere->IpBatch(
      absl::StrCat("link add e0 index ", ifindex(), " type veth peer name e1 index ", ToInt(peer_),
                   "\nlink set e0 up\nlink set e1 up\nlink set e1 down\n"));
  ASSERT_TRUE(made.ok()) << made;
  ExpectPaths({link(), kStandIn}, {peer_, kStandIn});
  EXPECT_THAT(TakeEvents(), IsEmpty());
}

TEST_F(DatapathCarrierTest, NicThatIsNotManagedIsNotTold) {
  Run({"ip", "link", "add", "u0", "type", "veth", "peer", "name", "u1"});
  Run({"ip", "link", "set", "u0", "up"});
  Run({"ip", "link", "set", "u1", "up"});
  Run({"ip", "link", "set", "u1", "down"});
  EXPECT_THAT(TakeEvents(), IsEmpty());
}

TEST_F(DatapathCarrierTest, OutlivesTheDaemonAndIsReplacedByTheNext) {
  const uint32_t first = WatchId();
  datapath_.reset();
  EXPECT_TRUE(LinkById(first).valid());
  datapath_ = OpenOrDie();
  const absl::Status status = datapath_->WatchCarrier();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_NE(WatchId(), first);
  ExpectGone(first);
  Run({"ip", "link", "set", "h1", "down"});
  ExpectPaths({kStandIn, IfIndex::kNone}, {kStandIn, IfIndex::kNone});
}

// It works on the maps of its own build: left alone it would flip what nobody reads.
TEST_F(DatapathCarrierTest, WatchOfAnotherLayoutIsReplacedByOneOnTheNewMaps) {
  datapath_.reset();
  StampOtherLayout();
  datapath_ = OpenOrDie();
  ASSERT_NE(datapath_->replaced(), "");
  ASSERT_TRUE(datapath_->ApplyState(state_, {}).ok());
  Run({"ip", "link", "set", "h1", "down"});
  ExpectPaths({link(), kStandIn}, {peer_, kStandIn});
  Run({"ip", "link", "set", "h1", "up"});
  ASSERT_TRUE(datapath_->WatchCarrier().ok());
  Run({"ip", "link", "set", "h1", "down"});
  ExpectPaths({kStandIn, IfIndex::kNone}, {kStandIn, IfIndex::kNone});
}

TEST_F(DatapathCarrierTest, DetachLeavesNothingOfItNorOfAStartThatWasKilled) {
  for (const bool by_the_daemon : {true, false}) {
    datapath_ = nullptr;
    datapath_ = OpenOrDie();
    ASSERT_TRUE(datapath_->ApplyState(state_, {}).ok());
    ASSERT_TRUE(datapath_->WatchCarrier().ok());
    const uint32_t first = WatchId();
    // As between the two steps of a replacement.
    ASSERT_EQ(rename(Pin("links/carrier").c_str(), Pin("links/carrier-new").c_str()), 0);
    ASSERT_TRUE(datapath_->WatchCarrier().ok());
    const uint32_t second = WatchId();
    ExpectGone(first);
    if (by_the_daemon) {
      EXPECT_TRUE(datapath_->DetachAll().ok());
    } else {
      datapath_ = nullptr;
      EXPECT_TRUE(DetachPinned(pin_dir()).ok());
    }
    EXPECT_FALSE(PinFolderExists());
    ExpectGone(second);
  }
}

// As under lockdown, and on whatever kernel.
TEST_F(DatapathTest, CarrierWatchWithoutTheRightIsRefusedWithTheMend) {
  const auto datapath = OpenOrDie();
  ASSERT_NE(datapath, nullptr);
  ASSERT_TRUE(SetEffective([](uint64_t all) {
    return all & ~(uint64_t{1} << CAP_PERFMON | uint64_t{1} << CAP_SYS_ADMIN);
  }));
  const absl::Status status = datapath->WatchCarrier();
  ASSERT_TRUE(SetEffective([](uint64_t all) { return all; }));
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(Message(status), AllOf(HasSubstr("the kernel refuses"), HasSubstr("CAP_PERFMON")));
  EXPECT_NE(access(Pin("links/carrier").c_str(), F_OK), 0);
}

}  // namespace
}  // namespace stronghost::packet
