// The agent is killed before each single step of a relocation, and the next one finishes or undoes
// what it finds. The steps are its system calls: maps, netlink, state file. No packet is lost by
// it: a return and a move are under 1,000 packets/s. (A removed NIC's are lost until the next
// agent.)
#include <iostream>

#include "tests/lab/relocation_fixture.h"
#include "tests/lib/process.h"

namespace stronghost::lab {
namespace {

using ::testing::ElementsAre;

enum class Act { kRemoval, kReturn, kMove };

class KilledAtEveryStep : public RelocationLab, public ::testing::WithParamInterface<Act> {
 protected:
  // From now on the agent dies at its `step`-th call of these.
  void DieAt(const std::string& calls, int step) {
    auto killer = Process::Start(
        {.argv = {"strace", "-f", "-o", "/dev/null", "-e", absl::StrCat("trace=", calls), "-e",
                  absl::StrCat("inject=", calls, ":signal=SIGKILL:when=", step), "-p",
                  absl::StrCat(agent().process().pid())}});
    ASSERT_OK(killer);
    killer_.emplace(*std::move(killer));
    ASSERT_OK(killer_->AwaitOutput("attached", absl::Seconds(10)));
  }
  void ExpectEachOnce(const std::vector<std::string>& nics) {
    for (size_t home = 0; home < nics.size(); ++home) {
      ASSERT_NO_FATAL_FAILURE(AwaitHome(nics[home], static_cast<int>(home)));
    }
  }
  // Routes and rules of the agent's, as `ip` shows them.
  std::string Leftovers() {
    const auto output =
        lab().server().Check({"sh", "-c",
                              "for family in -4 -6; do ip $family route show table all proto 83; "
                              "ip $family rule | grep -v 'from all lookup' || true; done"});
    EXPECT_OK(output);
    return *output;
  }

  std::optional<Process> killer_;
};

INSTANTIATE_TEST_SUITE_P(, KilledAtEveryStep,
                         ::testing::Values(Act::kRemoval, Act::kReturn, Act::kMove),
                         [](const auto& act) {
                           return std::string(act.param == Act::kRemoval  ? "OfARemoval"
                                              : act.param == Act::kReturn ? "OfAReturn"
                                                                          : "OfAMove");
                         });

TEST_P(KilledAtEveryStep, EveryAddressIsThereOnceAndNothingDangles) {
  ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow", "20ms")));
  const std::vector<std::string> routes = Routes();
  // The second kind has the polls among its calls, which come at any time: more of them are needed.
  for (const auto& [calls, most] :
       {std::pair{std::string("bpf,fsync,/^rename"), 40}, std::pair{std::string("sendmsg"), 30}}) {
    for (int step = 1; step <= most; ++step) {
      SCOPED_TRACE(absl::StrCat(calls, " ", step));
      if (GetParam() == Act::kReturn) {
        ASSERT_OK(lab().RemoveNic(0));
        ASSERT_NO_FATAL_FAILURE(AwaitHome("eth1"));
      }
      std::vector<Stream> streams;
      if (GetParam() != Act::kRemoval) {
        ASSERT_NO_FATAL_FAILURE(StartStreams(streams));
        ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 50));
      }
      ASSERT_NO_FATAL_FAILURE(DieAt(calls, step));
      switch (GetParam()) {
        case Act::kRemoval:
          ASSERT_OK(lab().RemoveNic(0));
          break;
        case Act::kReturn:
          ASSERT_OK(lab().InsertNic(0));
          break;
        case Act::kMove:
          ASSERT_OK(agent().Command({"move", Address(0, AF_INET).ToString(), "eth1"}));
          break;
      }
      // Done before it came to that step: the steps are through.
      const absl::Status died = Await(
          absl::Seconds(10), [&] { return !agent().process().IsRunning(); }, "the agent to die");
      const bool through = !died.ok();
      killer_.reset();
      ASSERT_OK(agent().Kill());
      ASSERT_OK(agent().StartDaemon());
      switch (GetParam()) {
        case Act::kRemoval:
          ASSERT_NO_FATAL_FAILURE(ExpectEachOnce({"eth1", "eth1"})) << agent().Log();
          ASSERT_OK(lab().InsertNic(0));
          break;
        case Act::kReturn:
          break;
        case Act::kMove: {
          // The command got no answer, so either is right; but one of them.
          const std::string at = HomeOf(Address(0, AF_INET));
          EXPECT_THAT(NicsWith(Address(0, AF_INET)), ElementsAre(at));
          ASSERT_OK(agent().Command({"move", Address(0, AF_INET).ToString(), "eth0"}));
          AwaitRoutes(routes);
          break;
        }
      }
      ASSERT_NO_FATAL_FAILURE(ExpectEachOnce({"eth0", "eth1"})) << agent().Log();
      ASSERT_NO_FATAL_FAILURE(AwaitReceived(streams, 50));
      for (size_t i = 0; i < streams.size(); ++i) {
        const StreamResult result = streams[i].Finish(absl::Milliseconds(50));
        EXPECT_EQ(result.lost, 0U) << "stream " << i << ": " << result.ToString() << agent().Log();
      }
      if (through) {
        std::cout << calls << ": " << step - 1 << " steps\n";
        EXPECT_GE(step, 10) << "it takes more, so it was only slow";
        break;
      }
    }
  }
  ASSERT_OK(agent().Command({"detach"}));
  EXPECT_EQ(Leftovers(), "");
  for (const int family : {AF_INET, AF_INET6}) {
    EXPECT_THAT(NicsWith(Address(0, family)), ElementsAre("eth0"));
    EXPECT_THAT(NicsWith(Address(1, family)), ElementsAre("eth1"));
  }
}

}  // namespace
}  // namespace stronghost::lab
