// A cable that is pulled while nobody sends and the agent does not run. Where the kernel refuses
// the carrier watch, status and doctor say so and the other signals do (lab_pull, lab_stand_in).
#include <bpf/bpf.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/base/unique_fd.h"
#include "maps/homes.h"
#include "tests/lab/agent_fixture.h"
#include "tests/lib/await.h"

namespace stronghost::lab {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

class Carrier : public AgentLab {
 protected:
  void BuildWith(int nics) {
    ASSERT_NO_FATAL_FAILURE(Build(GroupKeys("follow"), {.nics = nics}));
    const auto status = agent().Status();
    ASSERT_OK(status);
    const Json& signals = status->at("agent").at("carrier_signals");
    watched_ = std::find(signals.begin(), signals.end(), "fentry") != signals.end();
  }

  // Of the home that the NIC is, as the programs see it.
  sh_path PathOf(int nic) {
    const UniqueFd homes(bpf_obj_get(absl::StrCat(agent().pin_dir(), "/sh_homes").c_str()));
    const auto ifindex = lab().server().IfIndex(LabPlan::Nic(nic));
    for (uint32_t index = 1; ifindex.ok() && index < SH_HOMES_MAX; ++index) {
      sh_home home{};
      if (bpf_map_lookup_elem(homes.get(), &index, &home) == 0 &&
          home.ifindex == static_cast<uint32_t>(*ifindex)) {
        return home.path;
      }
    }
    ADD_FAILURE() << "no home of " << LabPlan::Nic(nic);
    return {};
  }

  bool watched_ = false;
};

TEST_F(Carrier, StatusAndDoctorSayIfTheKernelSeesItWithoutTraffic) {
  ASSERT_NO_FATAL_FAILURE(BuildWith(2));
  const bool pinned = access((agent().pin_dir() + "/links/carrier").c_str(), F_OK) == 0;
  EXPECT_EQ(watched_, pinned);
  const auto shown = agent().Command({"status"});
  const auto doctor = agent().Command({"doctor"});
  ASSERT_OK(shown);
  ASSERT_OK(doctor);
  if (watched_) {
    EXPECT_THAT(shown->output, HasSubstr("carrier by fentry, "));
    EXPECT_THAT(doctor->output, HasSubstr("a lost carrier is seen by fentry, "));
  } else {
    EXPECT_THAT(shown->output, AnyOf(HasSubstr("carrier by egress, poll, rtnetlink"),
                                     HasSubstr("carrier by poll, rtnetlink")));
    EXPECT_THAT(doctor->output, HasSubstr("the kernel refuses programs on its functions"));
  }
  EXPECT_THAT(agent().Log(), Not(HasSubstr("netif_carrier_off"))) << "a refusal is no problem";
  EXPECT_THAT(shown->output, Not(HasSubstr("problems")));
}

TEST_F(Carrier, LossFlipsTheWireWhileTheAgentIsStopped) {
  ASSERT_NO_FATAL_FAILURE(BuildWith(3));
  if (!watched_) {
    GTEST_SKIP() << "the kernel refuses programs on its functions";
  }
  for (const bool dead : {false, true}) {
    const sh_path before = PathOf(0);
    const sh_path other = PathOf(1);
    ASSERT_NE(before.backup, 0U);
    ASSERT_OK(dead ? agent().Kill() : agent().process().Kill(SIGSTOP));
    ASSERT_OK(lab().PullCable(0));
    ASSERT_OK(lab().AwaitLink(0, false));
    EXPECT_EQ(PathOf(0).wire, before.backup);
    EXPECT_EQ(PathOf(0).backup, 0U);
    EXPECT_EQ(PathOf(1).wire, other.wire);
    ASSERT_OK(dead ? agent().StartDaemon() : agent().process().Kill(SIGCONT));
    // It takes the flip up: another backup, and the way back.
    ASSERT_OK(Await(
        absl::Seconds(10), [&] { return PathOf(0).backup != 0; }, "a new backup"));
    EXPECT_EQ(PathOf(0).wire, before.backup);
    ASSERT_NO_FATAL_FAILURE(PlugAndAwait(0));
  }
}

}  // namespace
}  // namespace stronghost::lab
