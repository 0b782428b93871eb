// Announcements judged by real kernels in namespaces of the test: a host with two NICs, a Linux
// bridge as the switch, a peer.
//
//   host h0, h1 -- p0, p1 switch (br0) pc -- c0 peer
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/act/announcer.h"
#include "agent/act/memberships.h"
#include "agent/act/state_file.h"
#include "agent/act/sysctls.h"
#include "agent/base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/lib/await.h"
#include "tests/lib/capture.h"
#include "tests/lib/gtest_status.h"
#include "tests/lib/netns.h"

namespace stronghost {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr absl::Duration kDeadline = absl::Seconds(5);
constexpr MacAddress kMac0{{0x02, 0, 0, 0, 0, 0x10}};
constexpr MacAddress kMac1{{0x02, 0, 0, 0, 0, 0x11}};

IpAddress Ip(absl::string_view text) {
  return IpAddress::Parse(text).value();
}

class AnnounceLabTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (auto& [slot, role] :
         {std::pair(&host_, "host"), std::pair(&switch_, "switch"), std::pair(&peer_, "peer")}) {
      auto netns = lab::NetNs::Create(role);
      ASSERT_OK(netns);
      *slot = std::make_unique<lab::NetNs>(*std::move(netns));
    }
    ASSERT_OK(
        switch_->IpBatch("link add br0 type bridge mcast_snooping 1 mcast_querier 1\n"
                         "link set br0 up\n"));
    Cable(*host_, "h0", "p0", kMac0);
    Cable(*host_, "h1", "p1", kMac1);
    Cable(*peer_, "c0", "pc", {{0x02, 0, 0, 0, 0, 0x99}});
    ASSERT_OK(
        peer_->IpBatch("addr add 198.51.100.9/24 dev c0\n"
                       "addr add 2001:db8::9/64 dev c0 nodad\n"));
    ASSERT_OK(lab::Await(
        kDeadline, [this] { return PortsForward(); }, "ports that forward"));
  }

  void Cable(lab::NetNs& netns, const std::string& nic, const std::string& port, MacAddress mac) {
    ASSERT_OK(
        switch_->IpBatch(absl::StrCat("link add ", port, " type veth peer name ", nic, " netns ",
                                      netns.name(), "\n", "link set ", port, " master br0 up\n")));
    ASSERT_OK(netns.IpBatch(absl::StrCat("link set ", nic, " address ", mac.ToString(), " up\n")));
  }
  bool PortsForward() {
    const std::string links = switch_->Check({"bridge", "link"}).value_or("");
    const std::vector<std::string> forwarding = absl::StrSplit(links, "state forwarding");
    return forwarding.size() == 4;
  }

  IfIndex Index(const std::string& nic) {
    return static_cast<IfIndex>(host_->IfIndex(nic).value_or(0));
  }
  SendReport SendFrames(const std::string& nic, std::vector<Frame> frames) {
    std::vector<DueFrame> due;
    for (Frame& frame : frames) {
      due.push_back({Index(nic), std::move(frame)});
    }
    return SendDue(due);
  }
  SendReport SendDue(const std::vector<DueFrame>& due) {
    SendReport report;
    EXPECT_TRUE(host_
                    ->Run([&] {
                      report = announcer_.Send(due);
                      return absl::OkStatus();
                    })
                    .ok());
    return report;
  }
  void SendGood(const std::string& nic, std::vector<Frame> frames) {
    const size_t count = frames.size();
    const SendReport report = SendFrames(nic, std::move(frames));
    EXPECT_EQ(report.sent, count);
    EXPECT_THAT(report.failures, IsEmpty());
  }

  // Waits until the output of a program contains `text`.
  static absl::Status AwaitOutput(lab::NetNs& netns, const std::vector<std::string>& argv,
                                  const std::string& text) {
    std::string output;
    return Annotate(lab::Await(
                        kDeadline,
                        [&] {
                          output = netns.Check(argv).value_or("");
                          return absl::StrContains(output, text);
                        },
                        text),
                    output);
  }

  std::unique_ptr<lab::NetNs> host_;
  std::unique_ptr<lab::NetNs> switch_;
  std::unique_ptr<lab::NetNs> peer_;
  Announcer announcer_;
};

TEST_F(AnnounceLabTest, PeersArpEntryFollowsTheAnnouncement) {
  ASSERT_OK(peer_->IpBatch(absl::StrCat("neigh replace 198.51.100.1 lladdr ", kMac0.ToString(),
                                        " dev c0 nud reachable\n")));
  SendGood("h1", {ArpAnnouncement(Ip("198.51.100.1"), kMac1)});
  ASSERT_OK(AwaitOutput(*peer_, {"ip", "neigh", "show", "198.51.100.1"},
                        absl::StrCat("lladdr ", kMac1.ToString())));
  SendGood("h1", {ArpAnnouncement(Ip("198.51.100.2"), kMac1)});
  EXPECT_THAT(peer_->Check({"ip", "neigh"}).value_or("?"), Not(HasSubstr("198.51.100.2")))
      << "peers that never asked make no entry";
}

TEST_F(AnnounceLabTest, PeersNeighbourFollowsTheUnsolicitedNa) {
  for (const char* text : {"2001:db8::1", "fe80::10"}) {
    ASSERT_OK(peer_->IpBatch(absl::StrCat("neigh replace ", text, " lladdr ", kMac0.ToString(),
                                          " dev c0 router nud reachable\n")));
    SendGood("h1", {UnsolicitedNa(Ip(text), kMac1, /*router=*/true)});
    const std::vector<std::string> show = {"ip", "-6", "neigh", "show", text};
    ASSERT_OK(AwaitOutput(*peer_, show, absl::StrCat("lladdr ", kMac1.ToString(), " router")));
    SendGood("h0", {UnsolicitedNa(Ip(text), kMac0, /*router=*/false)});
    ASSERT_OK(AwaitOutput(*peer_, show, absl::StrCat("lladdr ", kMac0.ToString(), " STALE")));
  }
}

TEST_F(AnnounceLabTest, SwitchMovesTheMacOfTheHomeAndNobodyElseCares) {
  // A home that is silent otherwise: kernels of live NICs teach the switch as well.
  constexpr MacAddress kHome{{0x02, 0, 0, 0, 0, 0x12}};
  const std::vector<std::string> fdb = {"bridge", "fdb", "show", "dynamic", "br", "br0"};
  const std::string arp_before = peer_->Check({"ip", "-4", "neigh"}).value_or("?");
  for (const auto& [nic, port] :
       {std::pair("h0", "p0"), std::pair("h1", "p1"), std::pair("h0", "p0")}) {
    SendGood(nic, {LearningFrame(kHome)});
    ASSERT_OK(AwaitOutput(*switch_, fdb, absl::StrCat(kHome.ToString(), " dev ", port, " ")));
  }
  EXPECT_EQ(peer_->Check({"ip", "-4", "neigh"}).value_or("?"), arp_before);
}

TEST_F(AnnounceLabTest, SnoopingSwitchLearnsThePortFromTheReports) {
  const std::vector<std::string> mdb = {"bridge", "mdb", "show"};
  const auto entry = [](absl::string_view port, absl::string_view group) {
    return absl::StrCat("port ", port, " grp ", group, " ");
  };
  SendGood("h0", IgmpV3Reports(kMac0, Ip("198.51.100.1"), {Ip("239.1.2.3"), Ip("239.1.2.4")}));
  ASSERT_OK(AwaitOutput(*switch_, mdb, entry("p0", "239.1.2.4")));
  SendGood("h1", IgmpV3Reports(kMac0, Ip("198.51.100.1"), {Ip("239.1.2.3"), Ip("239.1.2.4")}));
  ASSERT_OK(AwaitOutput(*switch_, mdb, entry("p1", "239.1.2.3")));
  ASSERT_OK(AwaitOutput(*switch_, mdb, entry("p1", "239.1.2.4")));
  SendGood("h1", IgmpV2Reports(kMac0, Ip("198.51.100.1"), {Ip("239.1.2.5")}));
  ASSERT_OK(AwaitOutput(*switch_, mdb, entry("p1", "239.1.2.5")));
  SendGood("h1", MldV2Reports(kMac0, Ip("fe80::10"), {Ip("ff02::1:ff00:1"), Ip("ff15::42")}));
  ASSERT_OK(AwaitOutput(*switch_, mdb, entry("p1", "ff02::1:ff00:1")));
  ASSERT_OK(AwaitOutput(*switch_, mdb, entry("p1", "ff15::42")));
}

TEST_F(AnnounceLabTest, CapturesOnTheHostShowWhatItAnnouncesAndTheSocketReceivesNothing) {
  auto capture = lab::Capture::Start(*host_, "h1");
  ASSERT_OK(capture.status());
  const Frame frame = LearningFrame(kMac0);
  SendGood("h1", {frame});
  ASSERT_OK(
      (*capture)
          ->AwaitFrame([&](const lab::CapturedFrame& f) { return f.outgoing && f.bytes == frame; },
                       kDeadline)
          .status());
  (*capture)->Stop();
  capture->reset();
  const auto table = host_->Run([] { return ReadTextFile("/proc/thread-self/net/packet"); });
  ASSERT_OK(table.status());
  const std::vector<std::string> lines = absl::StrSplit(*table, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 2U) << *table;
  const std::vector<std::string> columns = absl::StrSplit(lines[1], ' ', absl::SkipEmpty());
  EXPECT_EQ(columns.at(3), "0000") << "protocol: " << *table;
  EXPECT_EQ(columns.at(5), "0") << "running: " << *table;
}

TEST_F(AnnounceLabTest, ScheduleDrivesTheWireAtItsPace) {
  auto capture =
      lab::Capture::Start(*switch_, "p1", {.direction = lab::CaptureOptions::Direction::kIncoming});
  ASSERT_OK(capture.status());
  AnnounceJob job;
  job.home = HomeIndex{1};
  job.wire = Index("h1");
  job.mac = kMac1;
  job.stay = true;
  for (uint32_t i = 0; i < 1000; ++i) {
    job.addresses.push_back(IpAddress::V4(htonl(0xcb007100U + i)));
  }
  AnnounceSchedule schedule;
  absl::Time now = absl::UnixEpoch();
  schedule.Start(job, now);
  size_t turns = 0;
  for (; *schedule.NextDue() < absl::UnixEpoch() + absl::Seconds(1); ++turns) {
    now = *schedule.NextDue();
    const SendReport report = SendDue(schedule.Due(now));
    ASSERT_THAT(report.failures, IsEmpty());
  }
  EXPECT_EQ(turns, 4U);
  EXPECT_EQ((*capture)->Count([](const lab::Frame& frame) {
    return frame.IsArp(1) && frame.arp->sender == frame.arp->target;
  }),
            1000);
  EXPECT_EQ((*capture)->Missed(), 0);
}

TEST_F(AnnounceLabTest, WireThatIsDownOrGoneCostsOnlyItsOwnFramesAndIsNoFailure) {
  SendGood("h1", {LearningFrame(kMac0)});
  const IfIndex h1 = Index("h1");
  ASSERT_OK(host_->IpBatch("link set h1 down\n"));
  const Frame frame = LearningFrame(kMac0);
  const std::vector<DueFrame> due = {{h1, frame}, {Index("h0"), frame}, {h1, frame}};
  SendReport report = SendDue(due);
  EXPECT_EQ(report.sent, 1U);
  EXPECT_THAT(report.failures, IsEmpty());

  ASSERT_OK(host_->IpBatch("link set h1 up\n"));
  SendGood("h1", {frame});

  ASSERT_OK(host_->IpBatch("link del h1\n"));
  report = SendDue(due);
  EXPECT_EQ(report.sent, 1U);
  EXPECT_THAT(report.failures, IsEmpty());
}

TEST_F(AnnounceLabTest, FrameTooLongForTheWireDoesNotStopTheOthers) {
  ASSERT_OK(host_->IpBatch("link set h1 mtu 1000\n"));
  const Frame frame = LearningFrame(kMac0);
  const SendReport report = SendFrames("h1", {frame, Frame(1200), frame});
  EXPECT_EQ(report.sent, 2U);
  ASSERT_EQ(report.failures.size(), 1U);
  EXPECT_EQ(report.failures[0].frames, 1U);
}

TEST_F(AnnounceLabTest, MembershipsAreThoseOfTheCallersNamespace) {
  ASSERT_OK(
      host_->IpBatch("addr add 198.51.100.1/24 dev h0\n"
                     "addr add 2001:db8::1/64 dev h0 nodad\n"));
  const auto socket = host_->Socket(AF_INET, SOCK_DGRAM);
  ASSERT_OK(socket.status());
  const IpAddress group = Ip("239.1.2.3");
  ip_mreqn request{};
  std::copy_n(group.data(), 4, reinterpret_cast<uint8_t*>(&request.imr_multiaddr));
  request.imr_ifindex = static_cast<int>(ToInt(Index("h0")));
  ASSERT_EQ(setsockopt(socket->get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)), 0);

  absl::StatusOr<Memberships> read;
  // The kernel joins an address's solicited-node group a moment after it has taken the address.
  ASSERT_OK(lab::Await(
      kDeadline,
      [&] {
        read = host_->Run([] { return ReadMemberships(); });
        return read.ok() &&
               ::testing::Matches(Contains(Ip("ff02::1:ff00:1")))((*read)[Index("h0")].groups);
      },
      "the group of the new address"));
  EXPECT_THAT(read->at(Index("h0")).groups, Contains(group));
  EXPECT_THAT(read->at(Index("h1")).groups, Not(Contains(group)));
}

class SysctlLabTest : public AnnounceLabTest {
 protected:
  void SetUp() override {
    AnnounceLabTest::SetUp();
    std::string pattern = absl::StrCat(::testing::TempDir(), "/sh-sysctl-XXXXXX");
    dir_ = mkdtemp(pattern.data());
    ASSERT_OK(host_->IpBatch("link add h0.100 type veth peer name other\n"));
    const auto instance = host_->Run([] { return KernelInstance::Current(); });
    ASSERT_OK(instance.status());
    instance_ = *instance;
    auto state = StateFile::Load(dir_, instance_);
    ASSERT_OK(state.status());
    state_ = std::make_unique<StateFile>(*std::move(state));
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  absl::StatusOr<SysctlReport> Apply(const std::vector<Sysctl>& desired) {
    return host_->Run([&] { return ApplySysctls(desired, *state_); });
  }
  absl::StatusOr<SysctlReport> Restore(const std::vector<Sysctl>& keep) {
    return host_->Run([&] { return RestoreSysctls(keep, *state_); });
  }
  std::string Value(const std::string& path) { return host_->Sysctl("net/" + path).value_or("?"); }

  std::string dir_;
  KernelInstance instance_;
  std::unique_ptr<StateFile> state_;
};

TEST_F(SysctlLabTest, NamespacesHaveTheirOwnIdentity) {
  const auto other = peer_->Run([] { return KernelInstance::Current(); });
  ASSERT_OK(other.status());
  EXPECT_EQ(other->boot, instance_.boot);
  EXPECT_NE(other->netns, instance_.netns);
}

TEST_F(SysctlLabTest, WritesWhatDiffersAndGivesItBack) {
  const Sysctl vlan{"ipv4/conf/h0.100/arp_announce", "2"};
  const Sysctl h0{"ipv4/conf/h0/arp_announce", "2"};
  const Sysctl same{"ipv4/conf/h1/arp_announce", "0"};
  const Sysctl unknown{"ipv4/conf/h0/no_such_knob", "1"};
  const Sysctl refused{"ipv4/conf/h0/forwarding", "nonsense"};
  const auto report = Apply({vlan, h0, same, unknown, refused});
  ASSERT_OK(report.status());
  EXPECT_THAT(report->changed, ElementsAre(vlan.path, h0.path));
  EXPECT_THAT(report->missing, ElementsAre(unknown.path));
  ASSERT_EQ(report->failures.size(), 1U);
  EXPECT_THAT(Message(report->failures[0]), HasSubstr("h0/forwarding to 'nonsense'"));
  EXPECT_EQ(Value(vlan.path), "2");
  EXPECT_EQ(Value(h0.path), "2");
  EXPECT_FALSE(state_->state().sysctls.contains(same.path));

  const auto again = Apply({vlan, h0, same});
  ASSERT_OK(again.status());
  EXPECT_THAT(again->changed, IsEmpty());

  // A new process gives back what the first one changed.
  auto loaded = StateFile::Load(dir_, instance_);
  ASSERT_OK(loaded.status());
  EXPECT_EQ(loaded->state().sysctls.at(vlan.path), "0");
  *state_ = *std::move(loaded);
  ASSERT_OK(Restore({h0}).status());
  EXPECT_EQ(Value(vlan.path), "0");
  EXPECT_EQ(Value(h0.path), "2");
  ASSERT_OK(host_->IpBatch("link del h0.100\n"));
  ASSERT_OK(Restore({}).status());
  EXPECT_EQ(Value(h0.path), "0");
  EXPECT_TRUE(StateFile::Load(dir_, instance_)->state().IsEmpty());
}

TEST_F(SysctlLabTest, NothingIsChangedThatCouldNotBeRecorded) {
  std::filesystem::create_directories(dir_ + "/state.json.tmp");  // can't be opened for writing
  const Sysctl h0{"ipv4/conf/h0/arp_announce", "2"};
  EXPECT_FALSE(Apply({h0}).ok());
  EXPECT_EQ(Value(h0.path), "0");
  std::filesystem::remove(dir_ + "/state.json.tmp");
  ASSERT_OK(Apply({h0}).status());
  EXPECT_EQ(Value(h0.path), "2");
  EXPECT_EQ(StateFile::Load(dir_, instance_)->state().sysctls.at(h0.path), "0");
}

TEST_F(SysctlLabTest, KnobsOfANicThatIsGoneAreForgotten) {
  const Sysctl vlan{"ipv4/conf/h0.100/arp_announce", "2"};
  ASSERT_OK(Apply({vlan}).status());
  ASSERT_OK(host_->IpBatch("link del h0.100\n"));
  const auto report = Restore({});
  ASSERT_OK(report.status());
  EXPECT_THAT(report->missing, ElementsAre(vlan.path));
  EXPECT_TRUE(state_->state().IsEmpty());
}

}  // namespace
}  // namespace stronghost
