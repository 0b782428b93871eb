// Addresses, routes, rules, filters and link groups in a real kernel.
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "agent/act/kernel_diff.h"
#include "agent/act/kernel_record.h"
#include "agent/base/ids.h"
#include "agent/netlink/build.h"
#include "agent/netlink/route_lookup.h"
#include "tests/lab/netlink_fixture.h"

namespace stronghost {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class KernelChange : public NetlinkLab {
 protected:
  void SetUp() override {
    NetlinkLab::SetUp();
    if (IsSkipped() || HasFatalFailure()) {
      return;
    }
    eth0_ = Index("eth0");
    eth1_ = Index("eth1");
    std::string folder = testing::TempDir() + "/netlinkXXXXXX";
    ASSERT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    ASSERT_OK_AND_ASSIGN(auto instance, KernelInstance::Current());
    ASSERT_OK_AND_ASSIGN(auto state, StateFile::Load(folder_, std::move(instance)));
    state_.emplace(std::move(state));
  }

  void TearDown() override {
    if (!folder_.empty()) {
      std::filesystem::remove_all(folder_);
    }
  }

  std::vector<FilterEntry> Filters() {
    const auto filters = ReadFilters(*socket_, {eth0_, eth1_});
    EXPECT_OK(filters);
    return filters.ok() ? *filters : std::vector<FilterEntry>{};
  }

  std::vector<KernelStep> Diff(const KernelState& desired) {
    return DiffKernel(desired, Read(), Filters(), state_->state());
  }

  ApplyReport Apply(const KernelState& desired) {
    const Facts facts = Read();
    const auto report = ApplyRecorded(*socket_, Diff(desired), facts, *state_);
    EXPECT_OK(report);
    if (!report.ok()) {
      return {};
    }
    EXPECT_OK(report->save_status);
    return *report;
  }

  // Applies, and expects that all went well and nothing is left to do.
  void ApplyAll(const KernelState& desired) {
    const ApplyReport report = Apply(desired);
    for (const StepFailure& failure : report.failures) {
      ADD_FAILURE() << failure.status;
    }
    EXPECT_THAT(report.found_done, IsEmpty());
    const Facts facts = Read();
    for (const KernelStep& step : Diff(desired)) {
      ADD_FAILURE() << "left to do: " << Describe(step, facts) << "\n" << Text(facts);
    }
  }

  RouteFact Route(const std::string& destination, const std::string& gateway = "") const {
    RouteFact route{.table = 5301,
                    .destination = Prefix(destination),
                    .link = eth0_,
                    .protocol = kRouteProtocol};
    if (!gateway.empty()) {
      route.gateway = Ip(gateway);
    }
    return route;
  }

  static void AddRules(const std::string& address, KernelState& state) {
    RuleFact rule{.family = Ip(address).family(),
                  .priority = kRulePriorityMain,
                  .from = Prefix(address),
                  .table = RT_TABLE_MAIN,
                  .suppress_prefix_length = 0,
                  .suppress_ifgroup = kLinkGroup,
                  .protocol = kRouteProtocol};
    state.rules.push_back(rule);
    rule.priority = kRulePriorityHome;
    rule.table = 5301;
    rule.suppress_prefix_length.reset();
    rule.suppress_ifgroup.reset();
    state.rules.push_back(rule);
  }

  // One of each kind, in both families, in the spellings that decide uses and in lazier ones.
  KernelState Everything() const {
    KernelState state;
    state.addresses = {{.link = eth0_, .ip = Prefix("198.51.100.1/24")},
                       {.link = eth0_, .ip = Prefix("2001:db8::1/64"), .flags = IFA_F_NODAD},
                       {.link = eth1_,
                        .ip = Prefix("203.0.113.1/32"),
                        .flags = IFA_F_NOPREFIXROUTE,
                        .protocol = 9}};
    RouteFact subnet = Route("198.51.100.0/24");
    subnet.source = Ip("198.51.100.1");
    subnet.scope = RT_SCOPE_LINK;
    RouteFact lazy = Route("203.0.113.77/24");
    lazy.link = eth1_;
    lazy.table = 5302;
    RouteFact first = Route("0.0.0.0/0", "198.51.100.254");
    first.metric = 1024;
    RouteFact second = first;
    second.gateway = Ip("203.0.113.254");
    second.metric = 1025;
    second.flags = RTNH_F_ONLINK;
    RouteFact sourced6 = Route("2001:db8:1::/48", "2001:db8::fe");
    sourced6.source = Ip("2001:db8::1");
    state.routes = {subnet,
                    lazy,
                    first,
                    second,
                    Route("2001:db8::/64"),
                    Route("::/0", "2001:db8::fe"),
                    Route("2001:db8:2::/48", "fe80::1"),
                    Route("192.0.2.0/24", "fe80::1"),  // RFC 5549
                    sourced6};
    AddRules("198.51.100.1", state);
    AddRules("2001:db8::1", state);
    state.filters = {{eth0_, Mac("02:00:5e:10:00:01")},
                     {eth0_, Mac("33:33:ff:12:34:56")},
                     {eth1_, Mac("01:00:5e:7f:00:01")}};
    state.ifgroups = {{eth0_, kLinkGroup}, {eth1_, kLinkGroup}};
    return state;
  }

  IfIndex eth0_{};
  IfIndex eth1_{};
  std::string folder_;
  std::optional<StateFile> state_;
};

TEST_F(KernelChange, EverythingIsMadeOnceAndTakenBackWithoutATrace) {
  IpBatch("link set eth1 group 3\n");
  const Facts before = Read();
  const std::vector<FilterEntry> filters_before = Filters();
  ApplyAll(Everything());
  EXPECT_EQ(Read().addresses.size(), before.addresses.size() + 3);
  EXPECT_EQ(Read().rules.size(), before.rules.size() + 4);
  // With the solicited-node group's, which the kernel joins a moment after the address came.
  EXPECT_OK(
      lab::Await(absl::Seconds(5), [&] { return Filters().size() == filters_before.size() + 4; }));
  EXPECT_EQ(Read().FindLink("eth1")->ifgroup, kLinkGroup);
  ApplyAll({});
  EXPECT_TRUE(SameFacts(Read(), before)) << Text(Read()) << "instead of\n" << Text(before);
  EXPECT_OK(lab::Await(absl::Seconds(5), [&] { return Filters() == filters_before; }));
  EXPECT_TRUE(state_->state().IsEmpty());
}

TEST_F(KernelChange, StepsTakenTwiceFindTheirWorkDone) {
  const Facts facts = Read();
  const std::vector<KernelStep> steps = Diff(Everything());
  EXPECT_THAT(ApplySteps(*socket_, steps, facts).failures, IsEmpty());
  const ApplyReport again = ApplySteps(*socket_, steps, facts);
  EXPECT_THAT(again.failures, IsEmpty());
  EXPECT_EQ(again.found_done.size() + 2, steps.size()) << "link groups can be set twice";
  const std::vector<KernelStep> deletions = {
      DeleteRule{Everything().rules[0]}, DeleteRoute{Everything().routes[0]},
      DeleteAddress{Everything().addresses[0], {}}, DeleteFilter{Everything().filters[0]}};
  EXPECT_THAT(ApplySteps(*socket_, deletions, facts).failures, IsEmpty());
  EXPECT_EQ(ApplySteps(*socket_, deletions, facts).found_done, deletions);
}

TEST_F(KernelChange, ANicThatTakesNoSecondMacIsNamedWithTheMend) {
  IpBatch("link add link eth0 name private0 type macvlan mode private\n");
  const Facts facts = Read();
  const IfIndex child = facts.FindLink("private0")->index;
  const ApplyReport report =
      ApplySteps(*socket_, {AddFilter{{child, Mac("02:00:5e:10:00:01")}}}, facts);
  ASSERT_THAT(report.failures, SizeIs(1));
  EXPECT_FALSE(report.failures[0].transient);
  EXPECT_THAT(report.failures[0].status.message(),
              testing::AllOf(HasSubstr("let private0 accept frames to 02:00:5e:10:00:01"),
                             HasSubstr("mac = \"stay\"")));
}

TEST_F(KernelChange, WhatOthersMadeStays) {
  IpBatch(
      "addr add 198.51.100.9/24 dev eth0\n"
      "route add 192.0.2.0/24 via inet6 fe80::1 dev eth0 table 5301\n"
      "rule add from 198.51.100.9 lookup 5301 priority 5301\n"
      "rule add from 198.51.100.9 ipproto udp lookup 5301 priority 5301 protocol 83\n");
  const Facts before = Read();
  const std::vector<FilterEntry> filters_before = Filters();
  KernelState desired = Everything();
  desired.filters.push_back(filters_before.at(0));  // the stack's own: there already
  ApplyAll(desired);
  ApplyAll({});
  EXPECT_TRUE(SameFacts(Read(), before)) << Text(Read()) << "instead of\n" << Text(before);
  EXPECT_OK(lab::Await(absl::Seconds(5), [&] { return Filters() == filters_before; }));
  ASSERT_OK_AND_ASSIGN(const std::string rules, netns_->Check({"ip", "rule"}));
  EXPECT_THAT(rules, HasSubstr("ipproto udp"));
}

TEST_F(KernelChange, AnAddressThatSomebodyAddedMeanwhileIsNotTheAgents) {
  KernelState desired;
  desired.addresses = {{.link = eth0_, .ip = Prefix("198.51.100.1/24")}};
  const Facts facts = Read();
  const std::vector<KernelStep> steps = Diff(desired);
  ASSERT_THAT(steps, SizeIs(1));
  IpBatch("addr add 198.51.100.1/24 dev eth0\n");
  ASSERT_OK_AND_ASSIGN(const ApplyReport report, ApplyRecorded(*socket_, steps, facts, *state_));
  EXPECT_EQ(report.found_done, steps);
  EXPECT_TRUE(state_->state().IsEmpty());
}

TEST_F(KernelChange, ALinkThatIsDownFailsForNowAndTheRestGoesOn) {
  ApplyAll(Everything());
  IpBatch("link set eth0 down\n");
  const ApplyReport report = Apply(Everything());
  EXPECT_THAT(report.failures, testing::Not(IsEmpty()));
  for (const StepFailure& failure : report.failures) {
    EXPECT_TRUE(failure.transient) << failure.status;
    EXPECT_THAT(std::string(failure.status.message()), HasSubstr("dev eth0"));
  }
  IpBatch("link set eth0 up\n");
  EXPECT_OK(lab::Await(absl::Seconds(5), [this] { return Apply(Everything()).failures.empty(); }));
  EXPECT_THAT(Diff(Everything()), IsEmpty());
}

TEST_F(KernelChange, AnotherGatewayTakesThePlaceOfTheFirst) {
  KernelState state = Everything();
  ApplyAll(state);
  const size_t routes = Read().routes.size();
  state.routes[2].gateway = Ip("198.51.100.253");
  state.routes[5].gateway = Ip("2001:db8::fd");
  EXPECT_THAT(Diff(state), SizeIs(2));
  ApplyAll(state);
  EXPECT_THAT(Read().routes, SizeIs(routes));
}

TEST_F(KernelChange, DeletingAPrimaryKeepsTheOthersOfItsSubnet) {
  for (const char* promote : {"0", "1"}) {
    ASSERT_OK(netns_->SetSysctl("net/ipv4/conf/eth0/promote_secondaries", promote));
    ASSERT_OK(netns_->SetSysctl("net/ipv4/conf/all/promote_secondaries", promote));
    KernelState state;
    state.addresses = {{.link = eth0_, .ip = Prefix("198.51.100.1/24")}};
    ApplyAll(state);
    IpBatch("addr add 198.51.100.2/24 dev eth0\naddr add 198.51.100.3/24 dev eth0\n");
    const size_t before = Read().addresses.size();
    ApplyAll({});
    EXPECT_THAT(Read().addresses, SizeIs(before - 1)) << "promote_secondaries=" << promote;
    IpBatch("addr del 198.51.100.2/24 dev eth0\n");
    netns_->IpBatch("addr del 198.51.100.3/24 dev eth0\n").IgnoreError();
  }
}

TEST_F(KernelChange, ErrorsSayWhatFailedAndTheKernelsReason) {
  RouteFact route = Route("203.0.113.0/24", "192.0.2.1");
  const ApplyReport report = ApplySteps(*socket_, {AddRoute{route}}, Read());
  ASSERT_THAT(report.failures, SizeIs(1));
  EXPECT_EQ(std::string(report.failures[0].status.message()),
            "add route 203.0.113.0/24 via 192.0.2.1 dev eth0 table 5301: Network is unreachable "
            "(Nexthop has invalid gateway)");
  EXPECT_TRUE(report.failures[0].transient);
}

TEST_F(KernelChange, LinkStateAndNeighbours) {
  NetlinkMessage down = SetLinkUpRequest(eth0_, false);
  ASSERT_OK(socket_->Transact(down, "take eth0 down"));
  EXPECT_FALSE(Read().FindLink("eth0")->admin_up);
  NetlinkMessage up = SetLinkUpRequest(eth0_, true);
  ASSERT_OK(socket_->Transact(up, "bring eth0 up"));
  EXPECT_TRUE(Read().FindLink("eth0")->admin_up);
  NetlinkMessage neighbor =
      SetNeighborRequest(eth0_, Ip("2001:db8::9"), Mac("02:00:5e:10:00:09"), NUD_PERMANENT);
  ASSERT_OK(socket_->Transact(neighbor, "add a neighbour"));
  ASSERT_OK_AND_ASSIGN(const std::string shown, netns_->Check({"ip", "neigh", "show"}));
  EXPECT_THAT(shown, HasSubstr("2001:db8::9 dev eth0 lladdr 02:00:5e:10:00:09 PERMANENT"));
}

TEST_F(KernelChange, RouteLookUpsFollowSourceAndInterface) {
  ApplyAll(Everything());
  for (const auto& [source, destination, gateway] :
       {std::tuple{"198.51.100.1", "192.0.2.200", "fe80::1"},
        std::tuple{"198.51.100.1", "203.0.114.1", "198.51.100.254"},
        std::tuple{"2001:db8::1", "2001:db8:9::1", "2001:db8::fe"}}) {
    ASSERT_OK_AND_ASSIGN(const RouteAnswer answer,
                         LookUpRoute(*socket_, Ip(source), Ip(destination)));
    EXPECT_EQ(answer.link, eth0_);
    EXPECT_EQ(answer.gateway, Ip(gateway));
    EXPECT_EQ(answer.table, 5301U);
    EXPECT_FALSE(answer.local);
  }
  // Local as soon as it is known to be unique (RFC 4862 section 5.4).
  EXPECT_OK(lab::Await(absl::Seconds(10), [this] {
    const auto own = LookUpRoute(*socket_, std::nullopt, Ip("2001:db8::1"));
    return own.ok() && own->local;
  }));
  const auto nowhere = LookUpRoute(*socket_, std::nullopt, Ip("192.0.2.9"));
  EXPECT_TRUE(absl::IsUnavailable(nowhere.status())) << nowhere.status();
  ASSERT_OK_AND_ASSIGN(const RouteAnswer bound,
                       LookUpRoute(*socket_, std::nullopt, Ip("192.0.2.9"), eth1_));
  EXPECT_EQ(bound.link, eth1_);
  EXPECT_FALSE(LookUpRoute(*socket_, Ip("::1"), Ip("192.0.2.9")).ok());
}

TEST_F(KernelChange, AThousandAddressesAndTwoHundredRules) {
  KernelState state;
  for (int i = 0; i < 1000; ++i) {
    const std::string text = absl::StrCat("198.51.", 100 + i / 250, ".", 1 + i % 250);
    state.addresses.push_back({.link = eth0_, .ip = Prefix(text + "/22")});
    if (i < 100) {
      AddRules(text, state);
    }
  }
  const absl::Time start = absl::Now();
  ApplyAll(state);
  const absl::Time made = absl::Now();
  ApplyAll({});
  const absl::Time deleted = absl::Now();
  const Facts facts = Read();
  const absl::Time first_diff = absl::Now();
  DiffKernel(state, facts, {}, state_->state());
  const absl::Time diffed = absl::Now();
  GTEST_LOG_(INFO) << "1,000 addresses and 200 rules: made and compared in " << made - start
                   << ", deleted and compared in " << deleted - made << ", one difference "
                   << diffed - first_diff;
  EXPECT_LT(made - start, absl::Seconds(20));  // one message at a time, or worse, takes longer
}

}  // namespace
}  // namespace stronghost
