// Hooks: attach, replace, detach, and strangers on the same NIC.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/packet/datapath_fixture.h"

namespace stronghost::packet {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class DatapathHooksTest : public DatapathTest {
 protected:
  AttachReport Attach(Datapath& datapath, XdpMode xdp = XdpMode::kOff) {
    const auto report = datapath.AttachNic(Nic(xdp));
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(AttachReport{});
  }

  void ExpectNothingOfOurs() {
    EXPECT_THAT(TcxPrograms(kTcxIngress), IsEmpty());
    EXPECT_THAT(TcxPrograms(kTcxEgress), IsEmpty());
    EXPECT_EQ(XdpProgram(XdpKind::kNative), 0U);
    EXPECT_EQ(XdpProgram(XdpKind::kGeneric), 0U);
    EXPECT_THAT(Run({"bpftool", "net", "show", "dev", "h0"}), testing::Not(HasSubstr("sh_")));
  }
};

TEST_F(DatapathHooksTest, RestartReplacesEachProgramInPlace) {
  SKIP_WITHOUT_TCX();
  auto datapath = OpenOrDie();
  ASSERT_NE(datapath, nullptr);
  const AttachReport first = Attach(*datapath, XdpMode::kNative);
  EXPECT_EQ(first.tc, TcKind::kTcx);
  EXPECT_EQ(first.xdp, XdpKind::kNative);
  EXPECT_THAT(first.notes, IsEmpty());
  const std::vector<std::string> kinds = {"steer", "deliver", "guard"};
  std::vector<OnHook> before;
  for (const std::string& kind : kinds) {
    ASSERT_TRUE(PinnedLink(kind).has_value()) << kind;
    EXPECT_EQ(PinnedLink(kind)->name, absl::StrCat("sh_", kind));
    before.push_back(*PinnedLink(kind));
  }
  datapath.reset();
  datapath = OpenOrDie();
  ASSERT_NE(datapath, nullptr);
  Attach(*datapath, XdpMode::kNative);
  for (size_t i = 0; i < kinds.size(); ++i) {
    const auto after = PinnedLink(kinds[i]);
    ASSERT_TRUE(after.has_value()) << kinds[i];
    EXPECT_EQ(after->link_id, before[i].link_id) << kinds[i];
    EXPECT_NE(after->program_id, before[i].program_id) << kinds[i];
  }
  EXPECT_THAT(TcxPrograms(kTcxEgress), ElementsAre(PinnedLink("steer")->program_id));
  EXPECT_EQ(XdpProgram(XdpKind::kNative), PinnedLink("guard")->program_id);
}

// The hook is never empty: the same link, or the same filter, gets the new program.
TEST_F(DatapathHooksTest, ProgramsOfAnotherLayoutAreReplacedInPlace) {
  SKIP_WITHOUT_TCX();
  auto datapath = OpenOrDie();
  Attach(*datapath, XdpMode::kNative);
  const auto steer = PinnedLink("steer");
  const auto guard = PinnedLink("guard");
  ASSERT_TRUE(steer.has_value() && guard.has_value());
  datapath.reset();
  StampOtherLayout();
  datapath = OpenOrDie();
  EXPECT_THAT(TcxPrograms(kTcxEgress), ElementsAre(steer->program_id)) << "replaced by Open()";
  EXPECT_THAT(Attach(*datapath, XdpMode::kNative).notes, IsEmpty());
  EXPECT_EQ(PinnedLink("steer")->link_id, steer->link_id);
  EXPECT_EQ(PinnedLink("guard")->link_id, guard->link_id);
  EXPECT_THAT(TcxPrograms(kTcxEgress), Not(ElementsAre(steer->program_id)));
  EXPECT_NE(XdpProgram(XdpKind::kNative), guard->program_id);
  EXPECT_FALSE(HasMapsBefore()) << "nothing uses them any more";
}

TEST_F(DatapathHooksTest, ClsactOfAnotherLayoutIsKnownAsOursUntilItIsReplaced) {
  for (const int deaths : {0, 1, 2}) {  // of runs that found another layout, to and fro
    auto datapath = OpenOrDie(TcMode::kClsact);
    Attach(*datapath);
    const std::vector<uint32_t> egress = ClsactPrograms("egress");
    datapath.reset();
    StampOtherLayout();
    datapath = OpenOrDie(TcMode::kClsact);
    EXPECT_TRUE(HasMapsBefore());
    for (int death = 0; death < deaths; ++death) {
      datapath.reset();
      if (death == 1) {
        StampOtherLayout();
      }
      datapath = OpenOrDie(TcMode::kClsact);
    }
    EXPECT_THAT(Attach(*datapath).notes, IsEmpty()) << "taken for a stranger's";
    EXPECT_THAT(ClsactPrograms("egress"), SizeIs(1));
    EXPECT_NE(ClsactPrograms("egress"), egress);
    EXPECT_FALSE(HasMapsBefore());
    EXPECT_TRUE(datapath->DetachAll().ok());
    ExpectNothingOfOurs();
  }
}

TEST_F(DatapathHooksTest, OfflineDetachKnowsFiltersOfAnotherLayout) {
  Attach(*OpenOrDie(TcMode::kClsact));
  StampOtherLayout();
  OpenOrDie(TcMode::kClsact).reset();  // dies before it replaces them
  EXPECT_TRUE(DetachPinned(pin_dir()).ok());
  ExpectNothingOfOurs();
}

TEST_F(DatapathHooksTest, NicMadeAnewUnderTheSameIndexIsAttachedAnew) {
  SKIP_WITHOUT_TCX();
  auto datapath = OpenOrDie();
  Attach(*datapath, XdpMode::kNative);
  const uint32_t old_link = PinnedLink("steer")->link_id;
  Run({"ip", "link", "del", "h0"});
  Run({"ip", "link", "add", "h0", "index", absl::StrCat(ifindex()), "type", "veth", "peer", "name",
       "h1"});
  ASSERT_THAT(TcxPrograms(kTcxEgress), IsEmpty());
  Attach(*datapath, XdpMode::kNative);
  EXPECT_THAT(TcxPrograms(kTcxEgress), SizeIs(1));
  EXPECT_NE(PinnedLink("steer")->link_id, old_link);
  EXPECT_NE(XdpProgram(XdpKind::kNative), 0U);
}

TEST_F(DatapathHooksTest, GoneNicIsDetachedCleanly) {
  for (const TcMode mode : TcModes()) {
    auto datapath = OpenOrDie(mode);
    Attach(*datapath, XdpMode::kNative);
    Run({"ip", "link", "del", "h0"});
    EXPECT_THAT(datapath->AttachedNics(), ElementsAre(link()));
    EXPECT_TRUE(datapath->DetachNic(link()).ok()) << datapath->DetachNic(link());
    EXPECT_THAT(datapath->AttachedNics(), IsEmpty());
    Run({"ip", "link", "add", "h0", "index", absl::StrCat(ifindex()), "type", "veth", "peer",
         "name", "h1"});
  }
}

TEST_F(DatapathHooksTest, ClsactIsReplacedInPlaceAndRemovedWithItsQdisc) {
  const std::string qdiscs = Qdiscs();
  auto datapath = OpenOrDie(TcMode::kClsact);
  ASSERT_NE(datapath, nullptr);
  EXPECT_EQ(Attach(*datapath).tc, TcKind::kClsact);
  EXPECT_THAT(Qdiscs(), HasSubstr("clsact"));
  const std::vector<uint32_t> ingress = ClsactPrograms("ingress");
  const std::vector<uint32_t> egress = ClsactPrograms("egress");
  ASSERT_THAT(ingress, SizeIs(1));
  ASSERT_THAT(egress, SizeIs(1));
  EXPECT_THAT(Run({"tc", "filter", "show", "dev", "h0", "ingress"}), HasSubstr("sh_deliver"));
  EXPECT_THAT(Run({"tc", "filter", "show", "dev", "h0", "egress"}), HasSubstr("sh_steer"));

  datapath.reset();
  datapath = OpenOrDie(TcMode::kClsact);
  ASSERT_NE(datapath, nullptr);
  Attach(*datapath);
  EXPECT_THAT(ClsactPrograms("ingress"), SizeIs(1));
  EXPECT_THAT(ClsactPrograms("egress"), SizeIs(1));
  EXPECT_NE(ClsactPrograms("ingress"), ingress);
  EXPECT_NE(ClsactPrograms("egress"), egress);

  EXPECT_TRUE(datapath->DetachNic(link()).ok());
  EXPECT_EQ(Qdiscs(), qdiscs);
  ExpectNothingOfOurs();
}

TEST_F(DatapathHooksTest, ClsactOfAnotherStaysWithItsFilters) {
  Run({"tc", "qdisc", "add", "dev", "h0", "clsact"});
  Run({"tc", "filter", "add", "dev", "h0", "ingress", "prio", "1", "protocol", "all", "u32",
       "match", "u32", "0", "0"});
  const std::string qdiscs = Qdiscs();
  const std::string filters = Run({"tc", "filter", "show", "dev", "h0", "ingress"});
  auto datapath = OpenOrDie(TcMode::kClsact);
  const AttachReport report = Attach(*datapath);
  EXPECT_THAT(report.notes, ElementsAre(HasSubstr("tc ingress: u32 filter at priority 1")));
  EXPECT_THAT(ClsactPrograms("ingress"), SizeIs(1));
  EXPECT_TRUE(datapath->DetachNic(link()).ok());
  EXPECT_EQ(Qdiscs(), qdiscs);
  EXPECT_EQ(Run({"tc", "filter", "show", "dev", "h0", "ingress"}), filters);
}

TEST_F(DatapathHooksTest, OurQdiscStaysForAnothersFilters) {
  auto datapath = OpenOrDie(TcMode::kClsact);
  Attach(*datapath);
  Run({"tc", "filter", "add", "dev", "h0", "egress", "protocol", "all", "u32", "match", "u32", "0",
       "0"});
  EXPECT_TRUE(datapath->DetachNic(link()).ok());
  EXPECT_THAT(Run({"tc", "filter", "show", "dev", "h0", "egress"}), HasSubstr("u32"));
  EXPECT_THAT(ClsactPrograms("egress"), IsEmpty());
}

TEST_F(DatapathHooksTest, StrangersBpfFilterIsNeitherReplacedNorRemoved) {
  const UniqueFd program = StrangersProgram(/*xdp=*/false);
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = ifindex();
  hook.attach_point = BPF_TC_EGRESS;
  ASSERT_EQ(bpf_tc_hook_create(&hook), 0);
  bpf_tc_opts options{};
  options.sz = sizeof(options);
  options.prog_fd = program.get();
  options.handle = 0x5348;  // the handle that ours would have
  options.priority = 1;
  ASSERT_EQ(bpf_tc_attach(&hook, &options), 0);
  auto datapath = OpenOrDie(TcMode::kClsact);
  const AttachReport report = Attach(*datapath);
  EXPECT_THAT(report.notes,
              ElementsAre(HasSubstr(absl::StrCat("'stranger' (id ", IdOf(program.get()), ")"))));
  EXPECT_THAT(ClsactPrograms("egress"), SizeIs(2));
  EXPECT_TRUE(datapath->DetachNic(link()).ok());
  EXPECT_THAT(ClsactPrograms("egress"), ElementsAre(IdOf(program.get())));
}

TEST_F(DatapathHooksTest, IngressQdiscInTheWayIsRefusedAndNothingIsLeft) {
  Run({"tc", "qdisc", "add", "dev", "h0", "ingress"});
  const std::string qdiscs = Qdiscs();
  auto datapath = OpenOrDie(TcMode::kClsact);
  const auto report = datapath->AttachNic(Nic());
  ASSERT_EQ(report.status().code(), absl::StatusCode::kFailedPrecondition) << report.status();
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("tc qdisc del dev h0 ingress"));
  EXPECT_EQ(Qdiscs(), qdiscs);
  EXPECT_THAT(datapath->AttachedNics(), IsEmpty());
}

TEST_F(DatapathHooksTest, ChangeOfTheTcModeLeavesOneKind) {
  SKIP_WITHOUT_TCX();
  const std::string qdiscs = Qdiscs();
  for (const TcMode mode : {TcMode::kTcx, TcMode::kClsact, TcMode::kTcx}) {
    const auto datapath = OpenOrDie(mode);
    Attach(*datapath);
    const size_t tcx = mode == TcMode::kTcx ? 1 : 0;
    EXPECT_THAT(TcxPrograms(kTcxIngress), SizeIs(tcx));
    EXPECT_THAT(TcxPrograms(kTcxEgress), SizeIs(tcx));
    EXPECT_THAT(ClsactPrograms("ingress"), SizeIs(1 - tcx));
    EXPECT_THAT(ClsactPrograms("egress"), SizeIs(1 - tcx));
  }
  EXPECT_EQ(Qdiscs(), qdiscs);
}

TEST_F(DatapathHooksTest, WithoutTcxClsactIsChosenAndTcxRefusedWithTheMend) {
  if (TcxSupported()) {
    GTEST_SKIP() << "this kernel has tcx";
  }
  const auto refused = Open(TcMode::kTcx);
  ASSERT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("set tc = \"auto\""));
  auto datapath = OpenOrDie(TcMode::kAuto);
  ASSERT_NE(datapath, nullptr);
  EXPECT_EQ(Attach(*datapath).tc, TcKind::kClsact);
  EXPECT_THAT(ClsactPrograms("egress"), SizeIs(1));
}

TEST_F(DatapathHooksTest, StrangersTcxProgramStaysBehindOurs) {
  SKIP_WITHOUT_TCX();
  const UniqueFd program = StrangersProgram(/*xdp=*/false);
  const UniqueFd theirs(
      bpf_link_create(program.get(), ifindex(), static_cast<bpf_attach_type>(kTcxEgress), nullptr));
  ASSERT_TRUE(theirs.valid());
  auto datapath = OpenOrDie(TcMode::kTcx);
  const AttachReport report = Attach(*datapath);
  EXPECT_THAT(TcxPrograms(kTcxEgress),
              ElementsAre(PinnedLink("steer")->program_id, IdOf(program.get())));
  EXPECT_THAT(report.notes, ElementsAre(testing::AllOf(
                                HasSubstr("tcx egress"), HasSubstr("after ours"),
                                HasSubstr(absl::StrCat("(id ", IdOf(program.get()), ")")))));
  EXPECT_TRUE(datapath->DetachNic(link()).ok());
  EXPECT_THAT(TcxPrograms(kTcxEgress), ElementsAre(IdOf(program.get())));
}

TEST_F(DatapathHooksTest, StrangersXdpProgramStaysAndIsReported) {
  const UniqueFd program = StrangersProgram(/*xdp=*/true);
  for (const uint32_t flags : {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE}) {
    ASSERT_EQ(bpf_xdp_attach(ifindex(), program.get(), flags, nullptr), 0);
    for (const XdpMode mode : {XdpMode::kNative, XdpMode::kGeneric}) {
      auto datapath = OpenOrDie();
      const AttachReport report = Attach(*datapath, mode);
      EXPECT_EQ(report.xdp, XdpKind::kOff);
      EXPECT_THAT(report.notes, Contains(HasSubstr(absl::StrCat("XDP: program 'stranger' (id ",
                                                                IdOf(program.get()), ")"))));
      EXPECT_TRUE(datapath->DetachNic(link()).ok());
    }
    EXPECT_EQ(XdpProgram(flags == XDP_FLAGS_DRV_MODE ? XdpKind::kNative : XdpKind::kGeneric),
              IdOf(program.get()));
    ASSERT_EQ(bpf_xdp_detach(ifindex(), flags, nullptr), 0);
  }
}

TEST_F(DatapathHooksTest, XdpModeChangesAreToldToTheProgramsOfTheNic) {
  auto datapath = OpenOrDie();
  ASSERT_TRUE(datapath->ApplyState(SmallState(), {}).ok());
  const uint32_t others = NicEntry()->flags;
  struct Step {
    XdpMode mode;
    XdpKind kind;
    uint32_t flag;
  };
  for (const Step& step : {Step{XdpMode::kNative, XdpKind::kNative, SH_NIC_XDP_NATIVE},
                           Step{XdpMode::kGeneric, XdpKind::kGeneric, SH_NIC_XDP_GENERIC},
                           Step{XdpMode::kAuto, XdpKind::kOff, 0},
                           Step{XdpMode::kNative, XdpKind::kNative, SH_NIC_XDP_NATIVE},
                           Step{XdpMode::kOff, XdpKind::kOff, 0},
                           Step{XdpMode::kGeneric, XdpKind::kGeneric, SH_NIC_XDP_GENERIC}}) {
    EXPECT_EQ(Attach(*datapath, step.mode).xdp, step.kind);
    EXPECT_EQ(NicEntry()->flags, others | step.flag);
    EXPECT_EQ(XdpProgram(XdpKind::kNative) != 0, step.kind == XdpKind::kNative);
    EXPECT_EQ(XdpProgram(XdpKind::kGeneric) != 0, step.kind == XdpKind::kGeneric);
  }
  // A new run knows the flag before it attaches anything: generic frames are told by it.
  datapath.reset();
  datapath = OpenOrDie();
  ASSERT_TRUE(datapath->WriteHome(SmallState().homes.at(HomeIndex{1}), WritePath::kNo).ok());
  EXPECT_EQ(NicEntry()->flags, others | SH_NIC_XDP_GENERIC);
  EXPECT_TRUE(datapath->DetachNic(link()).ok());
  EXPECT_EQ(NicEntry()->flags, others);
}

TEST_F(DatapathHooksTest, RefusedNativeXdpIsReportedAndLeftToTc) {
  Run({"ip", "link", "add", "d0", "type", "bridge"});  // has no native XDP
  auto datapath = OpenOrDie();
  const auto report = datapath->AttachNic(
      {.link = IfIndex{static_cast<uint32_t>(netns_->IfIndex("d0").value_or(0))},
       .name = "d0",
       .xdp = XdpMode::kNative});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->xdp, XdpKind::kOff);
  EXPECT_THAT(report->notes, ElementsAre(HasSubstr("native XDP of d0")));
}

TEST_F(DatapathHooksTest, UnknownNicIsAnErrorAndLeavesNothing) {
  for (const TcMode mode : TcModes()) {
    auto datapath = OpenOrDie(mode);
    const auto report = datapath->AttachNic({.link = IfIndex{9999}, .name = "ghost"});
    EXPECT_FALSE(report.ok());
    EXPECT_THAT(datapath->AttachedNics(), IsEmpty());
  }
}

TEST_F(DatapathHooksTest, DetachAllLeavesNothing) {
  const std::string qdiscs = Qdiscs();
  for (const TcMode mode : TcModes()) {
    auto datapath = OpenOrDie(mode);
    Attach(*datapath, XdpMode::kNative);
    EXPECT_TRUE(datapath->DetachAll().ok());
    ExpectNothingOfOurs();
    EXPECT_EQ(Qdiscs(), qdiscs);
    EXPECT_FALSE(PinFolderExists());
  }
}

TEST_F(DatapathHooksTest, OfflineDetachLeavesNothing) {
  const std::string qdiscs = Qdiscs();
  for (const TcMode mode : TcModes()) {
    auto datapath = OpenOrDie(mode);
    ASSERT_TRUE(datapath->ApplyState(SmallState(), {}).ok());
    Attach(*datapath, XdpMode::kGeneric);
    EXPECT_EQ(DetachPinned(pin_dir()).code(), absl::StatusCode::kFailedPrecondition)
        << "while a daemon runs";
    EXPECT_NE(XdpProgram(XdpKind::kGeneric), 0U);
    datapath.reset();
    const absl::Status status = DetachPinned(pin_dir());
    EXPECT_TRUE(status.ok()) << status;
    ExpectNothingOfOurs();
    EXPECT_EQ(Qdiscs(), qdiscs);
    EXPECT_FALSE(PinFolderExists());
  }
  EXPECT_TRUE(DetachPinned(pin_dir()).ok()) << "nothing to do";
}

}  // namespace
}  // namespace stronghost::packet
